"""Student's t distribution, without `scipy.stats`, which takes half a second to import."""

from scipy.special import stdtr, stdtrit


def quantile(probability: float, degrees: float) -> float:
    """Return the value that a variable stays below with a probability.

    Args:
        probability: The probability, in [0, 1].
        degrees: Degrees of freedom; infinity for a normal distribution.

    Returns:
        The quantile; NaN without degrees of freedom.

    Examples:
        >>> from sasa_nas.analysis.student import quantile
        >>> round(quantile(0.975, 10), 3)
        2.228
    """
    return float(stdtrit(degrees, probability))


def upper_tail(value: float, degrees: float) -> float:
    """Return the probability that a variable exceeds a value.

    Args:
        value: The value.
        degrees: Degrees of freedom; infinity for a normal distribution.

    Returns:
        The probability; NaN without degrees of freedom.
    """
    return float(stdtr(degrees, -value))
