# All names of the package: __init__.py loads each when it is first used; type checkers read them.
from .batching import BatchPlan as BatchPlan
from .batching import shuffled_plan as shuffled_plan
from .errors import InputError as InputError
from .masks import FixedMask as FixedMask
from .masks import SelectionMask as SelectionMask
from .masks import build_mask as build_mask
from .masks import keep_all as keep_all
from .metrics import accuracy as accuracy
from .models import build as build
from .recorders.recorders import MemoryLog as MemoryLog
from .recorders.recorders import UpdateRecorder as UpdateRecorder
from .samples import Split as Split
from .state import Layout as Layout
from .training import Callback as Callback
from .training import fit as fit
from .unlearners import amnesiac as amnesiac
from .unlearners import gradient as gradient
from .unlearners import sisa as sisa
from .update_log.log import append_to as append_to
from .update_log.log import create as create
from .update_log.log import exists as exists
from .update_log.log import open_log as open_log
from .update_log.processes import gather_ids as gather_ids
from .update_log.record import record as record
from .update_log.requests import forget as forget
from .update_log.requests import preview as preview
from .update_log.requests import purge as purge
from .update_log.requests import undo as undo

__version__: str
