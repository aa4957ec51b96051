// Starts Debian's Chromium by playwright-core, and collects what a page must not say.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { chromium } from 'playwright-core'

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

export const launch = () => chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox'] })

export function expect(condition, text) {
  if (!condition) throw new Error(text)
}

/** A page in a browser of its own, where it is always 9:20 in the morning, so that nothing hangs on the hour at which it is tested
 * (`real_clock` is for what measures, or waits for a time). `complaints` gets script errors and what the content security policy has stopped. */
export async function open(browser, { real_clock = false, ...options } = {}) {
  const context = await browser.newContext({ viewport: { width: 1320, height: 860 }, locale: 'en-GB', timezoneId: 'UTC', ...options })
  const morning = new Date()
  morning.setUTCHours(9, 20, 0, 0)
  if (!real_clock) await context.clock.setFixedTime(morning)
  const page = await context.newPage()
  page.setDefaultTimeout(30_000)
  const complaints = []
  page.on('pageerror', (problem) => complaints.push(problem.message))
  page.on('console', (said) => {
    if (/Content.Security.Policy|Refused to/i.test(said.text())) complaints.push(said.text())
  })
  page.on('filechooser', () => {}) // from now on they are caught, not only from the moment that one is waited for
  page.on('dialog', (dialog) => {
    complaints.push(`a dialog opened: ${dialog.message()}`)
    void dialog.dismiss()
  })
  return { context, page, complaints }
}

/** What axe-core calls serious or critical, by all of its rules or by those that are named. By CDP, which the page's policy does not bind. */
export async function check_accessibility(page, where, rules = null) {
  await page.evaluate(() => Promise.all(document.getAnimations().filter((one) => one.effect.getComputedTiming().endTime !== Infinity).map((one) => one.finished.catch(() => {}))))
  const session = await page.context().newCDPSession(page)
  const evaluate = (expression) => session.send('Runtime.evaluate', { expression, awaitPromise: true, returnByValue: true })
  if ((await evaluate('typeof axe')).result.value === 'undefined') await evaluate(axe)
  const options = JSON.stringify({ resultTypes: ['violations'], ...(rules ? { runOnly: rules } : {}) })
  const { result } = await evaluate(`axe.run(document, ${options}).then((found) => JSON.stringify(found.violations
    .filter((one) => one.impact === 'serious' || one.impact === 'critical').map((one) => [one.id, one.nodes.slice(0, 3).map((node) => node.html.slice(0, 160))])))`)
  await session.detach()
  expect(result.value === '[]', `axe on ${where}: ${result.value ?? JSON.stringify(result)}`)
}

export const field = (page, label) => page.locator('dialog').getByLabel(label, { exact: true })
