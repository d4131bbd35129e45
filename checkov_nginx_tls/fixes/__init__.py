"""Mends findings in the configuration where one right answer exists, and says why where it does not.

``fix_for`` turns one finding into edits or a refusal and writes nothing. ``mending`` applies the fixes of a whole scan
to the texts, round by round, and looks at what came of it; ``diffs`` shows the result and ``writing`` replaces files.
"""

from checkov_nginx_tls.fixes.fixing import MENDED, Fix, Refusal, fix_for
from checkov_nginx_tls.fixes.trust import Trust
from checkov_nginx_tls.fixes.world import World

__all__ = ["MENDED", "Fix", "Refusal", "Trust", "World", "fix_for"]
