"""Behaviour switches of the image a job was asked to run on, from `SLIPWAY_IMAGE_PROFILE` (JSON, see runtimes/README.md)."""
import json
import os

#: Releases of the XGBoost image, oldest first; a gate names the first release it holds for.
XGBOOST_RELEASES = ("0.90-1", "0.90-2", "1.0-1", "1.2-1", "1.2-2", "1.3-1", "1.5-1", "1.7-1", "3.0-5")


class ImageProfile:
    def __init__(self, switches):
        self.framework = switches.get("framework", "python")
        self.release = switches.get("release", XGBOOST_RELEASES[-1])
        #: `comma`: predictions of a request joined by commas; `newline`: one per line.
        self.answers = switches.get("answers", "newline")
        #: `pickle`: the model file is a pickled Booster; `native`: xgboost's own format.
        self.model_file = switches.get("modelFile", "native")
        self.ensemble = bool(switches.get("ensemble", True))

    @classmethod
    def of_environment(cls):
        return cls(json.loads(os.environ.get("SLIPWAY_IMAGE_PROFILE") or "{}"))

    def since(self, release):
        """Whether this XGBoost image is of that release or newer. An unknown release counts as the newest."""
        if self.release not in XGBOOST_RELEASES:
            return True
        return XGBOOST_RELEASES.index(self.release) >= XGBOOST_RELEASES.index(release)
