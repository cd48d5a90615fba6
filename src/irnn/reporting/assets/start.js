// Bring the page to life; again whenever its content was made anew.
function start() {
  redraws.length = 0;
  setupTables();
  setupSwatches();
  for (const part of PARTS) {
    setupCurves(part);
    setupSides(part);
    setupSurvival(part);
    setupLengths(part);
    setupOverfitting(part);
  }
}
DATA = adopt(DATA);
PARTS = DATA.tasks ?? [DATA];
start();
addEventListener("hashchange", openTarget);
openTarget();
// On paper nothing can be opened.
addEventListener("beforeprint", () => document.querySelectorAll("details.printed").forEach((part) => part.setAttribute("open", "")));
if (document.getElementById("live")) follow();
