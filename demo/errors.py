"""How the demo says that it cannot go on."""


class DemoError(Exception):
    """Something is not as the replay needs it; the message is one line that says what."""
