"""The one exception that means: the input is wrong, the program is not."""


class UserError(ValueError):
    """Wrong input, in one sentence that names the file, field or value, and what would be right.

    The command line prints the sentence and exits with status 2; anything else that escapes is a
    bug and keeps its stack trace.
    """
