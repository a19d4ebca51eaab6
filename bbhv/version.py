"""The version of this program; generations record it, because another version may compile another text."""

VERSION = "0.1"
