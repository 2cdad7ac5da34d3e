"""The closed set of claims: what a finding says is true of the rebuilt model, and how an observation decides it."""

from headlint.claims.base import Claim, Judgement, judged, shape_text
from headlint.claims.cuts import CutRaises, ReluLost
from headlint.claims.detection import CountsDisagree
from headlint.claims.flags import AllFrozen, FlagsKept, NamesCaught, NothingFrozen, StaysFrozen
from headlint.claims.forward import (
    ForwardRaises,
    LeftBehind,
    LeftBehindInTraining,
    NeverUsed,
    NoEffect,
    RunsThrough,
    TrainingForwardRaises,
    Trains,
)
from headlint.claims.optimizers import NotInOptimizer, OptimizerRaises
from headlint.claims.outputs import (
    OneLogitLoss,
    OutputConstant,
    OutputRefused,
    OutputsNormalised,
    TrainingOutputRefused,
    WidthsDiffer,
)
from headlint.claims.raises import BuilderRaises, ReadRaises
from headlint.claims.sizes import ClassesKept, CountIgnored, HeadKept, KeywordIgnored, SizeIgnored
from headlint.claims.surgery import RaisesFrom, RunsInside
from headlint.claims.training import NothingRecorded, StatisticsMove, StepsChange

__all__ = [
    "AllFrozen",
    "BuilderRaises",
    "Claim",
    "ClassesKept",
    "CountIgnored",
    "CountsDisagree",
    "CutRaises",
    "FlagsKept",
    "ForwardRaises",
    "HeadKept",
    "Judgement",
    "KeywordIgnored",
    "LeftBehind",
    "LeftBehindInTraining",
    "NamesCaught",
    "NeverUsed",
    "NoEffect",
    "NotInOptimizer",
    "NothingFrozen",
    "NothingRecorded",
    "OneLogitLoss",
    "OptimizerRaises",
    "OutputConstant",
    "OutputRefused",
    "OutputsNormalised",
    "RaisesFrom",
    "ReadRaises",
    "ReluLost",
    "RunsInside",
    "RunsThrough",
    "SizeIgnored",
    "StatisticsMove",
    "StaysFrozen",
    "StepsChange",
    "TrainingForwardRaises",
    "TrainingOutputRefused",
    "Trains",
    "WidthsDiffer",
    "judged",
    "shape_text",
]
