"""Report of the verification of an export."""

from pydantic import BaseModel, ConfigDict


class FormatCheck(BaseModel):
    """One file on one batch.

    Attributes:
        format: The file's format.
        file: Its name.
        batch: Images at a time.
        largest_difference: Of any logit from the network's own; None where one is not finite or of another shape.
        ok: Whether that is at most the report's tolerance.
    """

    model_config = ConfigDict(frozen=True)

    format: str
    file: str
    batch: int
    largest_difference: float | None
    ok: bool


class VerificationReport(BaseModel):
    """Result of a verification, as `sasa-nas verify-export --json` prints it.

    Attributes:
        folder: The export.
        architecture_id: Of the network in it.
        seed: Of the random images.
        tolerance: Largest difference of two logits that counts as equal.
        checks: Every file on every batch.
        confined: Whether the system kept everything that ran from writing elsewhere.
        ok: Whether all are.
    """

    model_config = ConfigDict(frozen=True)

    folder: str
    architecture_id: str
    seed: int
    tolerance: float
    checks: list[FormatCheck]
    confined: bool = False
    ok: bool
