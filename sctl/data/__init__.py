"""The nouns: a ``Pair`` goes in, a ``TransferResult`` comes out; one function knows the slot names."""

from sctl.data.pair import DEPTH as DEPTH
from sctl.data.pair import MIN_GENES_FOUND as MIN_GENES_FOUND
from sctl.data.pair import TARGET_ONLY as TARGET_ONLY
from sctl.data.pair import Pair as Pair
from sctl.data.pair import in_memory as in_memory
from sctl.data.pair import require_genes as require_genes
from sctl.data.result import UNASSIGNED as UNASSIGNED
from sctl.data.result import Answer as Answer
from sctl.data.result import TransferResult as TransferResult
from sctl.data.slots import read_result as read_result
from sctl.data.slots import require_cells as require_cells
from sctl.data.slots import result_only as result_only
from sctl.data.slots import slot as slot
from sctl.data.slots import writable as writable
from sctl.data.slots import write_result as write_result
