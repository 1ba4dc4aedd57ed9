# The names of __init__.py for type checkers, which cannot follow names that are loaded when used.
from partial_unlearning.batching import BatchPlan as BatchPlan
from partial_unlearning.batching import shuffled_plan as shuffled_plan
from partial_unlearning.errors import InputError as InputError
from partial_unlearning.masks import FixedMask as FixedMask
from partial_unlearning.masks import SelectionMask as SelectionMask
from partial_unlearning.masks import build_mask as build_mask
from partial_unlearning.masks import keep_all as keep_all
from partial_unlearning.metrics import accuracy as accuracy
from partial_unlearning.models import build as build
from partial_unlearning.recorders.recorders import MemoryLog as MemoryLog
from partial_unlearning.recorders.recorders import UpdateRecorder as UpdateRecorder
from partial_unlearning.samples import Split as Split
from partial_unlearning.state import Layout as Layout
from partial_unlearning.training import Callback as Callback
from partial_unlearning.training import fit as fit
from partial_unlearning.unlearners import amnesiac as amnesiac
from partial_unlearning.unlearners import gradient as gradient
from partial_unlearning.unlearners import sisa as sisa
from partial_unlearning.update_log.log import append_to as append_to
from partial_unlearning.update_log.log import create as create
from partial_unlearning.update_log.log import exists as exists
from partial_unlearning.update_log.log import open_log as open_log
from partial_unlearning.update_log.recording import gather_ids as gather_ids
from partial_unlearning.update_log.recording import record as record
from partial_unlearning.update_log.requests import forget as forget
from partial_unlearning.update_log.requests import preview as preview
from partial_unlearning.update_log.requests import purge as purge
from partial_unlearning.update_log.requests import undo as undo

__version__: str
