"""Reading a plan document back: for `calsync apply PLANFILE`, and to show a plan where there is nothing else of it.

The file may have come through a pull request or a CI artifact, so it is data and nothing more. Apply plans afresh
and takes only the digest, the filters and the lines that name a difference from it. What is shown of it has to be
what its digest covers; who wrote it is not known all the same.

document   its text: bounds, version, and the parts that every reader needs
orders     what it asks of an apply
sheet      the plan that it shows
failure    why there is no plan in it
"""

from calsync.planfile.document import MAX_BYTES
from calsync.planfile.failure import NoPlan, read_answer
from calsync.planfile.orders import PlanFile, read_plan_document
from calsync.planfile.sheet import read_sheet

__all__ = ["MAX_BYTES", "NoPlan", "PlanFile", "read_answer", "read_plan_document", "read_sheet"]
