// screenshots.mjs TARGET PAGE LINK OTHER NODE: what the screens of PAGE look like, after LINK has signed in; OTHER is a page where
// nobody is, NODE a link to that of a node which nobody uses. Called by screenshots.py.
import { mkdirSync } from 'node:fs'
import { launch, open } from './lib.mjs'

const [target, page, link, outside, node] = process.argv.slice(2)
mkdirSync(target, { recursive: true })

const browser = await launch()
const shown = await open(browser)
async function shot(name, { scheme = 'light', size = { width: 1320, height: 860 } } = {}) {
  await shown.page.emulateMedia({ colorScheme: scheme, reducedMotion: 'reduce' })
  await shown.page.setViewportSize(size)
  await shown.page.mouse.move(2, 2)
  await shown.page.evaluate(() => new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn))))
  await shown.page.screenshot({ path: `${target}/${name}.png` })
}
const both = async (name) => {
  await shot(`${name}-light`)
  await shot(`${name}-dark`, { scheme: 'dark' })
}
const narrow = { size: { width: 390, height: 844 } }
try {
  await shown.page.goto(outside)
  await shown.page.getByRole('heading', { name: 'Welcome back' }).waitFor()
  await both('sign-in')
  await shown.page.goto(link)
  await shown.page.getByText('Files for what is coming').waitFor()
  await shown.page.getByText('Connected', { exact: true }).waitFor()
  await both('home')
  await shot('home-narrow', narrow)
  for (const [key, name] of [['w', 'week'], ['m', 'month'], ['a', 'agenda']]) {
    await shown.page.keyboard.press(key)
    await shown.page.locator('.ec-event').first().waitFor()
    await both(name)
  }
  await shown.page.setViewportSize(narrow.size)
  await shown.page.keyboard.press('t') // begins at today once more
  await shot('agenda-narrow', narrow)
  await shown.page.keyboard.press('w')
  await shown.page.setViewportSize({ width: 1320, height: 860 })
  await shown.page.getByLabel('Second time zone').selectOption('America/New_York')
  await shown.page.locator('.ec-slot time span').nth(32).waitFor()
  await both('zones')
  await shown.page.getByLabel('Second time zone').selectOption('')
  await shown.page.evaluate(() => document.activeElement.blur())
  await shown.page.keyboard.press('d')
  await shot('day-narrow', narrow)
  await shown.page.keyboard.press('e')
  await shown.page.getByRole('table').waitFor()
  await both('events')
  await shot('events-narrow', narrow)
  await shown.page.getByRole('button', { name: 'DS meeting', exact: true }).click()
  await shown.page.getByRole('button', { name: 'Modify', exact: true }).last().waitFor()
  await both('event')
  await shot('event-narrow', narrow)
  await shown.page.locator('dialog').getByRole('button', { name: 'Modify' }).click()
  await shown.page.getByRole('button', { name: 'Save' }).waitFor()
  await shown.page.locator('dialog').getByRole('checkbox', { name: 'bob' }).waitFor()
  await both('edit')
  await shown.page.locator('dialog').getByText('Colour', { exact: true }).scrollIntoViewIfNeeded()
  await shot('edit-narrow', narrow)
  await shown.page.keyboard.press('Escape')
  await shown.page.keyboard.press('Escape')
  await shown.page.keyboard.press('w')
  await shown.page.locator('.ec-event', { hasText: 'Stand-up' }).first().click()
  await shown.page.getByText('One of its times is shown').waitFor()
  await both('series')
  await shown.page.locator('dialog').getByRole('button', { name: 'Modify' }).click()
  await shown.page.getByLabel('this and all that follow').check()
  await both('series-edit')
  await shown.page.keyboard.press('Escape')
  await shown.page.keyboard.press('Escape')
  for (const [name, text] of [['people', 'Want to be friends'], ['trash', 'Old idea'], ['status', 'Connected to a rendezvous']]) {
    await shown.page.goto(`${page}#/${name}`)
    await shown.page.getByText(text).first().waitFor()
    await both(name)
  }
  await shown.page.getByRole('button', { name: 'Account of alice' }).click()
  await shown.page.getByRole('button', { name: 'Change password…' }).click()
  await both('password')
  await shot('password-narrow', narrow)
  await shown.page.context().clearCookies()
  await shown.page.goto('about:blank')
  await shown.page.goto(node)
  await shown.page.getByRole('button', { name: /^Stop the / }).click()
  await shown.page.locator('dialog').getByRole('button', { name: 'Stop it' }).waitFor()
  await both('stop')
} finally {
  await browser.close()
}
