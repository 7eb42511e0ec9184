"""Every event and topic: one file a topic, the catalogue in topics.py, the wire format in envelope.py."""
