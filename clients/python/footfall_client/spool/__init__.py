"""Events on disk: what is written here survives the process, and a later one sends it.

A spool directory holds one folder per process. A folder belongs to whoever holds the lock in it, so
the folders of processes that died are free for the next one to take over.
"""

from footfall_client.spool.claim import Claim
from footfall_client.spool.segment import Segment
from footfall_client.spool.spool import Place, Spool, SpoolFull, sync_files

__all__ = ["Claim", "Place", "Segment", "Spool", "SpoolFull", "sync_files"]
