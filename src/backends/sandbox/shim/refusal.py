"""What a run asks for and cannot have; the words are the user's to read."""


class Refused(Exception):
    pass
