// series.mjs ALICE BOB: a weekly event in two pages. Alice makes it, moves one time, takes one out, renames it from one time on;
// Bob sees the same at each step.
import { check_accessibility, expect, field, launch, open } from './lib.mjs'

const browser = await launch()
try {
  const [alice, bob] = [await open(browser), await open(browser)]
  const pages = { alice: alice.page, bob: bob.page }
  const toast = (text) => alice.page.locator('.toast', { hasText: text }).last().waitFor()
  const day = (weeks) => new Date(Date.now() + (1 + 7 * weeks) * 86_400_000).toISOString().slice(0, 10)
  /** What a page has in its calendar of that week: titles with their times. */
  const shown = (page, title) => page.locator('.ec-event', { hasText: title }).evaluateAll((all) => all.map((one) => one.querySelector('.h').textContent.trim()))
  async function week(weeks) {
    for (const page of Object.values(pages)) {
      await page.getByRole('navigation').first().getByRole('link', { name: 'Calendar' }).click()
      await page.getByLabel('Go to date').fill(day(weeks))
    }
  }
  async function both_show(title, wanted) {
    for (const [name, page] of Object.entries(pages)) {
      let now
      for (let tries = 0; tries < 300; tries++) {
        now = JSON.stringify(await shown(page, title))
        if (now === JSON.stringify(wanted)) break
        await page.evaluate(() => new Promise((drawn) => requestAnimationFrame(drawn)))
      }
      expect(now === JSON.stringify(wanted), `${name} shows ${title} at ${now}, not at ${JSON.stringify(wanted)}`)
    }
  }
  const open_one = async (title) => {
    await alice.page.locator('.ec-event', { hasText: title }).first().click()
    await alice.page.locator('dialog').getByRole('heading', { name: title }).waitFor()
  }
  const button = (name) => alice.page.locator('dialog').getByRole('button', { name, exact: true })

  const close = async () => {
    await button('Close').click()
    await alice.page.locator('dialog[open]').waitFor({ state: 'detached' })
  }

  await alice.page.goto(process.argv[2])
  await bob.page.goto(process.argv[3])
  for (const page of Object.values(pages)) await page.getByText('Files for what is coming').waitFor()

  await alice.page.keyboard.press('c')
  await field(alice.page, 'Name').fill('Practice')
  await field(alice.page, 'Date').fill(day(0))
  await field(alice.page, 'Start').fill('18:00')
  await field(alice.page, 'End').fill('19:00')
  await field(alice.page, 'Repeats').selectOption('FREQ=WEEKLY')
  await field(alice.page, 'Until').fill(day(9))
  await alice.page.locator('dialog').getByLabel('bob').check()
  await check_accessibility(alice.page, 'the form of a series')
  await button('Create').click()
  await toast('New event created')
  for (const weeks of [0, 3, 9]) {
    await week(weeks)
    await both_show('Practice', ['18:00–19:00'])
  }
  await week(10)
  await both_show('Practice', [])

  await week(1)
  await both_show('Practice', ['18:00–19:00'])
  await alice.page.locator('.ec-event', { hasText: 'Practice' }).focus()
  await alice.page.keyboard.press('Shift+ArrowDown')
  await toast('This time was moved')
  await both_show('Practice', ['18:30–19:30'])
  await week(2)
  await both_show('Practice', ['18:00–19:00'])

  // A report is of one time, and not of the others.
  await open_one('Practice')
  await alice.page.locator('dialog').getByLabel('Files to add').setInputFiles({ name: 'report.txt', mimeType: 'text/plain', buffer: Buffer.from('report') })
  const report = alice.page.locator('dialog').getByRole('link', { name: 'report.txt', exact: true })
  await report.waitFor()
  await alice.page.locator('dialog').getByText('· this time ·').waitFor()
  await close()
  await week(3)
  await open_one('Practice')
  await alice.page.locator('dialog').getByRole('group', { name: 'Add files' }).waitFor()
  expect(await report.count() === 0, 'the report is at another time, too')
  await close()

  // An event that is moved onto one of its times, and away from it.
  await alice.page.evaluate(async (start) => fetch('/v1/events', { method: 'POST', headers: { 'Calbox-Page': '1', 'Content-Type': 'application/json' },
    body: JSON.stringify({ title: 'Visit', start: `${start}T19:00:00`, end: `${start}T19:30:00` }) }), day(3))
  const sign = (title) => alice.page.locator('.ec-event', { hasText: title }).getByText('overlaps another event')
  const visit = alice.page.locator('.ec-event', { hasText: 'Visit' })
  await visit.waitFor()
  expect(await sign('Practice').count() === 0, 'an overlap is shown that there is not')
  await visit.focus()
  await alice.page.keyboard.press('Shift+ArrowUp')
  for (const title of ['Visit', 'Practice']) await sign(title).waitFor()
  await visit.focus()
  await alice.page.keyboard.press('Shift+ArrowDown')
  for (const title of ['Visit', 'Practice']) await sign(title).waitFor({ state: 'detached' })
  await week(2)

  await open_one('Practice')
  await check_accessibility(alice.page, 'one time of a series')
  await button('Delete').click()
  await button('This time').click()
  await toast('That time was taken out')
  await both_show('Practice', [])
  await alice.page.keyboard.press('u')
  await both_show('Practice', ['18:00–19:00'])

  await week(4)
  await open_one('Practice')
  await button('Modify').click()
  await alice.page.locator('dialog').getByLabel('this and all that follow').check()
  await field(alice.page, 'Name').fill('Rehearsal')
  await button('Save').click()
  await toast('From this time on it is an event of its own')
  await close()
  await both_show('Rehearsal', ['18:00–19:00'])
  await both_show('Practice', [])
  await week(3)
  await both_show('Practice', ['18:00–19:00'])
  await both_show('Rehearsal', [])
  await week(9)
  await both_show('Rehearsal', ['18:00–19:00'])

  await open_one('Rehearsal')
  await button('Modify').click()
  await alice.page.locator('dialog').getByLabel('every time').check()
  await field(alice.page, 'Start').fill('20:00')
  await button('Save').click()
  await toast('Event modified')
  await close()
  await both_show('Rehearsal', ['20:00–21:00'])
  await week(5)
  await both_show('Rehearsal', ['20:00–21:00'])

  const complaints = [...alice.complaints, ...bob.complaints]
  expect(complaints.length === 0, `the pages complained: ${complaints.join('; ')}`)
} finally {
  await browser.close()
}
