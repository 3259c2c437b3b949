"""What the notebooks need: checks of exercises, comparison with the library, length of training cells."""

from rvos_edu.course.checking import CheckResult, check
from rvos_edu.course.notebook import compare, pick, show

__all__ = ["CheckResult", "check", "compare", "pick", "show"]
