// Runs before the first paint, so that a stored theme never flashes. It is a file because the
// content security policy forbids inline scripts.
(function () {
  try {
    var theme = JSON.parse(localStorage.getItem('loom-studio.prefs') || '{}').theme;
    if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme;
  } catch {
    // Storage may be blocked or hold something else: the system's theme stands.
  }
})();
