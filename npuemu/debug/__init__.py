"""Looking into a run without changing it: lines that kernels print, memory saved as it was.

``spec``     what ``--dump`` asks for, as text
``dumps``    the instructions and bytes that it means, and the bytes themselves
``prints``   lines of ``.print``, in the order of their cycles
``debugger`` both of them at the stops of a run
"""

from __future__ import annotations

from npuemu.debug.debugger import Debugger
from npuemu.debug.dumps import Dumps
from npuemu.debug.prints import Printed

__all__ = ["Debugger", "Dumps", "Printed"]
