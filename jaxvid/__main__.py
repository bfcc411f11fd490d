"""The program `jaxvid`, and `python -m jaxvid`."""

from jaxvid.main import start

if __name__ == "__main__":
    start()
