"""Trained models as files: learn from a source once, use it on many targets, give it to others."""

from sctl.sharing.card import model_card
from sctl.sharing.model_file import ENDING, SCHEMA, load_model, read_manifest, save_model

__all__ = ["ENDING", "SCHEMA", "load_model", "model_card", "read_manifest", "save_model"]
