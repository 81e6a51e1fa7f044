// Reads HTML reports as their readers do: in light and dark, wide and narrow, on paper, by keyboard, and with
// axe-core, which looks for what keeps people out.
//
// node read_pages.mjs CHROMIUM AXE PAGE...        AXE: path of axe.min.js, or "-" to go without
// PITFALL_PICTURES=DIR keeps pictures of all that was looked at.
import { readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { pathToFileURL } from "node:url";
import { Browser } from "./chromium.mjs";

const [chromium, axe, ...pages] = process.argv.slice(2);
const paper = 718; // pixels between the margins of A4
let failed = 0;

function expect(condition, page, message) {
  if (condition) return;
  console.log(`FAILED: ${page}: ${message}`);
  failed++;
}

function expectNone(list, page, message) {
  expect(list.length === 0, page, `${message}: ${list.slice(0, 5).join(" | ")}`);
}

// Headings in order, and no level left out on the way down.
const headings = `[...document.querySelectorAll("h1, h2, h3, h4")].map((h) => [Number(h.tagName[1]), h.innerText.trim()])`;

async function checkHeadings(page, name) {
  const found = await page.ask(headings);
  expect(found.filter(([level]) => level === 1).length === 1, name, "one h1 was expected");
  expectNone(found.filter(([, text]) => !text), name, "headings without text");
  let before = 0;
  for (const [level, text] of found) {
    expect(level <= before + 1, name, `"${text}" is of level ${level}, after ${before}`);
    before = level;
  }
  expectNone(await page.ask(`[...document.querySelectorAll("section")]
    .filter((s) => !s.querySelector("h2")).map((s) => s.id)`), name, "sections without a heading");
}

async function checkLinks(page, name) {
  expectNone(await page.ask(`[...document.links].map((a) => a.getAttribute("href"))
    .filter((href) => !href.startsWith("#") || !document.getElementById(href.slice(1)))`), name, "links that lead nowhere");
  expectNone(await page.ask(`[...document.querySelectorAll("[id]")].map((e) => e.id)
    .filter((id, i, all) => all.indexOf(id) !== i)`), name, "ids that are there twice");
}

// The first piece of evidence of each section leads to its row, which opens for it.
async function checkEvidence(page, name) {
  const links = await page.ask(`[...document.querySelectorAll("section")]
    .map((s) => s.querySelector('a[href*="-event-"]')?.getAttribute("href")).filter(Boolean)`);
  for (const link of links.slice(0, 10)) {
    await page.ask(`document.querySelector('a[href="${link}"]').click()`);
    // Navigation within a page is not done when click() returns.
    const shown = await page.ask(`new Promise((done) => {
      const look = (tries) => {
        const row = document.querySelector("tr:target");
        const box = row?.getBoundingClientRect();
        if (row?.id === "${link}".slice(1) && box.height > 0 && box.top >= -1 && box.bottom <= innerHeight) done("");
        else if (tries) requestAnimationFrame(() => look(tries - 1));
        else done(row ? JSON.stringify(box) : "nothing is aimed at");
      };
      look(120);
    })`);
    expect(!shown, name, `the row of ${link} is not shown: ${shown}`);
  }
  return links.length;
}

async function checkKeyboard(page, name) {
  const wanted = await page.ask(`[...document.querySelectorAll("a[href], summary, [tabindex='0']")]
    .filter((e) => e.checkVisibility()).length`);
  const steps = Math.min(wanted, 12);
  const seen = new Set();
  for (let i = 0; i < steps; i++) {
    await page.press("Tab");
    const [where, ring] = await page.ask(`(() => {
      const e = document.activeElement, all = [...document.querySelectorAll("*")];
      const style = getComputedStyle(e);
      return [e === document.body ? -1 : all.indexOf(e), style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0];
    })()`);
    expect(where >= 0, name, `Tab number ${i + 1} leads out of the page`);
    expect(ring, name, `Tab number ${i + 1} shows no focus`);
    seen.add(where);
  }
  expect(seen.size === steps, name, `${steps} times Tab reached ${seen.size} places`);
}

// What is wider than the page would be cut on paper, and would have to be pushed about on a telephone.
const tooWide = (scrolls) => `[...document.querySelectorAll("body *")]
  .filter((e) => !e.closest("svg *, title, details:not([open]) > :not(summary)") && ${scrolls ? `!e.closest(".scroll > *")` : "true"})
  .filter((e) => e.getBoundingClientRect().right > document.documentElement.clientWidth + 1)
  .map((e) => e.tagName + "." + e.className.toString() + " " + Math.round(e.getBoundingClientRect().right))`;

async function keep(page, name, how) {
  if (process.env.PITFALL_PICTURES)
    writeFileSync(join(process.env.PITFALL_PICTURES, `${name}-${how}.png`), await page.picture());
}

async function checkPaper(page, name) {
  await page.look("print", "light");
  await page.resize(paper, 1000);
  expectNone(await page.ask(tooWide(false)), name, "cut on paper");
  expectNone(await page.ask(`[...document.querySelectorAll("svg text")].filter((t) => {
    const box = t.getBoundingClientRect(), outer = t.ownerSVGElement.getBoundingClientRect();
    return box.left < outer.left - 1 || box.right > outer.right + 1 || box.bottom > outer.bottom + 1;
  }).map((t) => t.textContent)`), name, "text that sticks out of a picture");
  await keep(page, name, "paper");
  const pdf = await page.pdf();
  expect(pdf.subarray(0, 5).toString() === "%PDF-", name, "it does not become a PDF");
  if (process.env.PITFALL_PICTURES) writeFileSync(join(process.env.PITFALL_PICTURES, `${name}.pdf`), pdf);
}

async function checkAxe(page, name, how) {
  if (axe === "-") return;
  const violations = await page.ask(`axe.run(document, { resultTypes: ["violations"] }).then((r) => r.violations
    .map((v) => v.id + " (" + v.nodes.length + "): " + v.nodes[0].target + " " + v.nodes[0].failureSummary))`);
  expectNone(violations, name, `axe-core, ${how}`);
}

async function checkLooks(page, name) {
  if (axe !== "-") await page.ask(readFileSync(axe, "utf8") + "; undefined");
  for (const scheme of ["light", "dark"])
    for (const width of [1280, 360]) {
      await page.look("screen", scheme);
      await page.resize(width);
      expectNone(await page.ask(tooWide(true)), name, `wider than ${width} pixels`);
      if ((scheme === "light") === (width === 1280)) await checkAxe(page, name, `${scheme}, ${width} pixels`);
      await keep(page, name, `${scheme}-${width}`);
    }
}

async function checkPage(browser, path) {
  const page = await browser.page();
  const name = basename(path, ".html"), url = pathToFileURL(path).href;
  await page.resize(1280);
  await page.look("screen", "light");
  await page.go(url);
  expectNone(page.requests.filter((request) => request !== url), name, "it asked for");
  await checkHeadings(page, name);
  await checkLinks(page, name);
  await checkKeyboard(page, name);
  const evidence = await checkEvidence(page, name);
  await checkLooks(page, name);
  await checkPaper(page, name);
  expectNone(page.complaints, name, "the console says");
  expectNone(page.requests.filter((request) => request !== url && request !== `${url}#`), name, "it asked for");
  console.log(`${name}: ${await page.ask(`document.querySelectorAll("*").length`)} elements, evidence in ${evidence} sections`);
  await page.close();
}

const browser = await Browser.open(chromium);
try {
  for (const path of pages) await checkPage(browser, path);
} finally {
  await browser.close();
}
process.exit(failed ? 1 : 0);
