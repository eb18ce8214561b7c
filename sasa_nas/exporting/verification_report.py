"""Report of the verification of an export."""

from pydantic import BaseModel, ConfigDict


class FormatCheck(BaseModel):
    """Check of one file on one batch.

    Attributes:
        format: The file's format.
        file: Name of the file.
        batch: Batch size.
        largest_difference: Largest difference of an output from the network's own; None if one is not finite, or a
            shape is wrong.
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
        architecture_id: `Architecture.id` of the network.
        seed: Seed of the random images.
        tolerance: Largest difference that counts as equal.
        difference: Noun for a difference, with its unit.
        checks: Check of every file on every batch.
        confined: Whether the system prevented writing elsewhere.
        ok: Whether all checks are.
    """

    model_config = ConfigDict(frozen=True)

    folder: str
    architecture_id: str
    seed: int
    tolerance: float
    difference: str = "a logit"
    checks: list[FormatCheck]
    confined: bool = False
    ok: bool
