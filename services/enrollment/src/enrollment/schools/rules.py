"""What a list of schools must be. Pure: no I/O, no clock."""


def repeated(names: list[str]) -> list[int]:
    """Where in a list something stands that stood there before."""
    first = {name: index for index, name in reversed(list(enumerate(names)))}
    return [index for index, name in enumerate(names) if first[name] != index]
