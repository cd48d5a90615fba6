"""What belongs to the whole process: threads that change it do so one at a time.

Examples are PyTorch's global generator, the filters of `warnings`, matplotlib's settings. Some thread's
`with whole_process:` keeps others from changing them, and from seeing them changed.
"""

import threading

whole_process = threading.RLock()
