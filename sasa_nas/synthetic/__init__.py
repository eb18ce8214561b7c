"""Tasks whose answer is known: accuracy by a formula with planted effects and seeded noise, instead of training.

They test the method itself, from the proposals to the intervals: what is planted must be found, and nothing else.
"""

from sasa_nas.synthetic.planted import Course, Planted
from sasa_nas.synthetic.tasks import PREFIX, TASKS, is_synthetic, planted

__all__ = ["PREFIX", "TASKS", "Course", "Planted", "is_synthetic", "planted"]
