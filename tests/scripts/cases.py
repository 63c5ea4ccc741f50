"""What the cases of the scripts share: a list of them, and checks that say what was wrong."""

CASES = []


class Wrong(Exception):
    """What a case found."""


def case(function):
    """A case is a function that takes a way to make machines; its name is what it shows."""
    CASES.append(function)
    return function


def expect(holds, what, done=None):
    if not holds:
        raise Wrong(f"{what}\n{done}" if done is not None else what)


def expect_done(done, *said):
    """Status 0, and all of these words somewhere in what was said."""
    expect(done.status == 0, "did not end with status 0", done)
    for words in said:
        expect(words in done.said, f"did not say {words!r}", done)


def expect_refused(done, *said, status=1):
    """A status that is not 0, and one last sentence on the error output that holds all of these words."""
    expect(done.status == status, f"did not end with status {status}", done)
    lines = done.err.splitlines()
    expect(bool(lines), "said nothing on the error output", done)
    for words in said:
        expect(words in lines[-1], f"its last line does not say {words!r}", done)
