"""A line of a CSV that a person gives us, as a model with one field a column."""

from collections.abc import Mapping
from typing import Self

from pydantic import BaseModel, ConfigDict, ValidationError


class RefusedLine(ValueError):
    """A line of the CSV cannot be used."""


class CsvLine(BaseModel):
    """The columns of a line; what may stand in them is checked by validators that raise RefusedLine."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    @classmethod
    def read(cls, line: Mapping[str | None, object]) -> Self:
        """Return a line as `csv.DictReader` gives it; a column that is empty or left out has its default.

        Raises:
            RefusedLine: It cannot be used. The sentence is a validator's: pydantic's own would quote the line, and a
                line names patients.
        """
        if None in line or None in line.values():
            raise RefusedLine("it has more or fewer fields than the first line")
        values = {str(name).strip(): str(text).strip() for name, text in line.items()}
        try:
            return cls.model_validate({name: text for name, text in values.items() if text})
        except ValidationError as error:
            sentence = str(error.errors(include_input=False)[0]["ctx"]["error"])
        raise RefusedLine(sentence)  # outside of the handler: pydantic's error is not chained
