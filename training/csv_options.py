"""How a CSV file is written: what a caller may say of it, and what is legal to say."""

from dataclasses import dataclass

from registry.errors import FieldInvalid

DEFAULT_MISSING_WORDS = ("", "NA", "NaN", "nan", "null")
ENCODINGS = (
    *("utf-8", "utf-16", "utf-16-le", "utf-16-be"),
    *("windows-1252", "windows-1250", "windows-1251", "iso-8859-1", "iso-8859-2", "iso-8859-15"),
    *("koi8-r", "shift_jis", "euc-jp", "euc-kr", "gb18030", "big5"),
)
_MOST_WORDS = 100
_LONGEST_WORD = 64
_NEVER = "\r\n\0"


@dataclass(frozen=True, slots=True)
class CsvOptions:
    """How a CSV file is written.

    Attributes:
        delimiter: Stands between fields; empty is told from the first lines.
        quote: Stands round fields that hold delimiters or line breaks; twice inside for
            itself.
        escape: Takes the next character's meaning inside a field; empty for none.
        encoding: One of `ENCODINGS`; empty is told from the bytes.
        has_header: Whether the first line names the columns; without, they are column_1 and
            so on.
        decimal: Stands before the fraction of a number.
        thousands: Stands between groups of three digits; empty for none.
        missing_words: What stands for no value, in columns of every type.
    """

    delimiter: str = ""
    quote: str = '"'
    escape: str = ""
    encoding: str = ""
    has_header: bool = True
    decimal: str = "."
    thousands: str = ""
    missing_words: tuple[str, ...] = DEFAULT_MISSING_WORDS


def check_csv_options(options: CsvOptions, field: str) -> None:
    """Check what a caller says.

    Args:
        options: It.
        field: The request's field, for the error.

    Raises:
        FieldInvalid: A part of it is not legal, or two parts contradict each other.
    """
    for name, allowed in (
        ("delimiter", (0, 1)),
        ("quote", (1,)),
        ("escape", (0, 1)),
        ("decimal", (1,)),
        ("thousands", (0, 1)),
    ):
        value = getattr(options, name)
        if len(value) not in allowed or (value and value in _NEVER):
            raise FieldInvalid(
                f"{name} must be one character, and no line break", field=f"{field}.{name}"
            )
    _check_roles(options, field)
    if options.encoding and options.encoding not in ENCODINGS:
        raise FieldInvalid(
            f"encoding must be one of {', '.join(ENCODINGS)}", field=f"{field}.encoding"
        )
    words = options.missing_words
    if len(words) > _MOST_WORDS or any(len(word) > _LONGEST_WORD for word in words):
        raise FieldInvalid(
            f"missing_words must be at most {_MOST_WORDS}, of at most {_LONGEST_WORD} characters",
            field=f"{field}.missing_words",
        )


def _check_roles(options: CsvOptions, field: str) -> None:
    """Check that no character means two things."""
    structure = [options.delimiter, options.quote, options.escape]
    number = [options.decimal, options.thousands]
    for group, name in ((structure, "delimiter"), (number, "thousands")):
        used = [character for character in group if character]
        if len(set(used)) < len(used):
            raise FieldInvalid(
                f"{name} stands for something else too; choose different characters",
                field=f"{field}.{name}",
            )
    for name in ("decimal", "thousands"):
        if (character := getattr(options, name)) and character in "0123456789+-eE":
            raise FieldInvalid(
                f"{name} is part of numbers already; choose another character",
                field=f"{field}.{name}",
            )
