// Sphinx builds this into its search: the default scores, and more for words of the query that
// stand in a page's title, most for a title that begins with the query ("Table 4").
var Scorer = {
  objNameMatch: 11,
  objPartialMatch: 6,
  objPrio: { 0: 15, 1: 5, 2: -5 },
  objPrioDefault: 0,
  title: 15,
  partialTitle: 7,
  term: 5,
  partialTerm: 2,

  score: ([, title, anchor, , score]) => {
    const words = (text) => text.toLowerCase().match(/[\p{L}\p{N}]+/gu) || [];
    const query = words(new URLSearchParams(window.location.search).get("q") || "");
    const inTitle = words(title.split(" > ")[0]);
    if (query.length === 0) return score;
    const found = query.filter((word) => inTitle.includes(word)).length / query.length;
    const begins = query.every((word, at) => inTitle[at] === word);
    return score + 40 * found * found + (begins ? 100 : 0) - (anchor ? 1 : 0);
  },
};
