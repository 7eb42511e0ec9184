"""Every event and topic of Jemput Bola: one file a topic, the catalogue in topics.py, the wire format in envelope.py."""
