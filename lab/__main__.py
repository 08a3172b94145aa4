"""``python -m lab``."""

import signal

if __name__ == "__main__":
    # Nothing is made yet: a Ctrl-C just ends the program, without a traceback.
    interrupted = signal.signal(signal.SIGINT, signal.SIG_DFL)
    # Imported here, not above: it takes a moment.
    from lab.main import main

    signal.signal(signal.SIGINT, interrupted)
    main()
