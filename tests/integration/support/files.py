"""Files of a test in a folder of its own."""
import os


def write_below(folder, name, text):
    """`name` may have folders in it, which are made; the file's path."""
    path = os.path.join(folder, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return path
