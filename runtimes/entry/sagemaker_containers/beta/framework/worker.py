"""The answer of a script's `output_fn` with a content type and status of its own."""


class Response:
    def __init__(self, response=None, accept=None, status=200, mimetype=None):
        self.response, self.status = response, status
        self.mimetype = mimetype or accept

    def as_answer(self):
        """(body, content type or None, status), which is what the model server asks for."""
        return self.response if self.response is not None else b"", self.mimetype, self.status
