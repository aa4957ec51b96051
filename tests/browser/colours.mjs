// colours.mjs ALICE BOB: categories and colours of events in two pages, links to which are given. Alice makes an event with some by the
// keyboard, Bob sees it so, takes its colour off and looks for a category; and whatever colour it has, it can be read.
import { readFileSync } from 'node:fs'
import { check_accessibility, expect, field, launch, open } from './lib.mjs'

const browser = await launch()
try {
  const [alice, bob] = [await open(browser), await open(browser)]
  const dialog = alice.page.locator('dialog[open]')
  const day = new Date(Date.now() + 86_400_000).toISOString().slice(0, 10)
  const event = (page, title) => page.locator('.ec-event', { hasText: title }).first()
  const bar = (page, title) => event(page, title).evaluate((box) => getComputedStyle(box).borderLeftColor)
  const becomes = async (page, title, wanted) => {
    const drawn = ([title, wanted]) => [...document.querySelectorAll('.ec-event')].some((box) => box.textContent.includes(title) && getComputedStyle(box).borderLeftColor === wanted)
    await page.waitForFunction(drawn, [title, wanted], { timeout: 30_000 })
      .catch(async () => expect(false, `${title} is drawn in ${await bar(page, title)}, not in ${wanted}`))
  }
  await alice.page.goto(process.argv[2])
  await bob.page.goto(process.argv[3])
  for (const { page } of [alice, bob]) await page.getByText('Files for what is coming').waitFor()

  // What is in use is offered, behind what is typed already.
  for (const [title, categories, hour] of [['Dentist', ['health'], 8], ['Run', ['Health', 'friends'], 17]]) {
    const made = await alice.page.evaluate(async (draft) => (await fetch('/v1/events', { method: 'POST', headers: { 'Calbox-Page': '1', 'Content-Type': 'application/json' }, body: JSON.stringify(draft) })).status,
      { title, categories, start: `${day}T${String(hour).padStart(2, '0')}:00:00`, participants: ['bob'] })
    expect(made === 201, `${title}: ${made}`)
  }
  await alice.page.getByRole('button', { name: 'Run' }).first().waitFor()
  await alice.page.keyboard.press('c')
  await field(alice.page, 'Name').fill('Choir')
  await field(alice.page, 'Date').fill(day)
  await field(alice.page, 'Start').fill('12:00')
  await dialog.getByRole('checkbox', { name: 'bob' }).check()
  await field(alice.page, 'Categories').focus()
  await alice.page.keyboard.type('music, fr')
  const offered = await dialog.locator('datalist option').evaluateAll((all) => all.map((one) => one.value))
  expect(offered.includes('music, friends') && offered.length === 2, `it offers ${offered}`)
  await alice.page.keyboard.type('iends')
  await alice.page.keyboard.press('Tab')
  for (let tries = 0; tries < 12 && !(await dialog.getByRole('radio', { name: 'teal' }).isChecked()); tries++) await alice.page.keyboard.press('ArrowRight')
  expect(await dialog.getByRole('radio', { name: 'teal' }).isChecked(), 'the arrows do not come to teal')
  await check_accessibility(alice.page, 'the form with a colour')
  await alice.page.getByRole('button', { name: 'Create' }).click()
  await alice.page.getByText(/New event created/).waitFor()
  await dialog.waitFor({ state: 'detached' })

  // So does Bob see it, at home, in the week and on its panel.
  const teal = await bob.page.evaluate(() => {
    const probe = document.body.appendChild(document.createElement('i'))
    for (const [name, value] of [['--own', 'teal'], ['background', 'var(--ev-bar)']]) probe.style.setProperty(name, value)
    const made = getComputedStyle(probe).backgroundColor
    probe.remove()
    return made
  })
  await bob.page.locator('.line', { hasText: 'Choir' }).waitFor()
  const at_home = await bob.page.locator('.line', { hasText: 'Choir' }).locator('.bar').evaluate((box) => getComputedStyle(box).backgroundColor)
  expect(at_home === teal, `home shows ${at_home}, not ${teal}`)
  for (const { page } of [alice, bob]) {
    await page.keyboard.press('d')
    await page.keyboard.press('Escape')
    await page.getByLabel('Go to date').fill(day)
    await becomes(page, 'Choir', teal)
  }
  await event(bob.page, 'Choir').click()
  const panel = bob.page.locator('dialog[open]')
  await panel.getByText('music', { exact: true }).waitFor()
  await panel.getByText('friends', { exact: true }).waitFor()
  await panel.getByText('teal', { exact: true }).waitFor()
  await check_accessibility(bob.page, 'an event with a colour')

  // Taken off, and told in the history.
  await panel.getByRole('button', { name: 'Modify' }).click()
  await panel.getByRole('radio', { name: 'none' }).check()
  await field(bob.page, 'Categories').fill(' music,,late ,LATE')
  await panel.getByRole('button', { name: 'Save' }).click()
  await bob.page.getByText('Event modified').waitFor()
  await panel.getByText('late', { exact: true }).waitFor()
  await panel.getByRole('button', { name: 'History' }).click()
  await panel.locator('.change', { hasText: 'categories' }).locator('ins', { hasText: 'late, music' }).waitFor()
  await panel.locator('.change', { hasText: 'colour' }).locator('del', { hasText: 'teal' }).waitFor()
  await bob.page.keyboard.press('Escape')
  await panel.waitFor({ state: 'detached' })
  for (const { page } of [alice, bob]) await event(page, 'Choir').getByText('late, music').waitFor({ state: 'attached' })
  expect(await bar(alice.page, 'Choir') !== teal, 'its colour was taken off')

  // One category: in the calendar, whatever its case; and among words in the table.
  await bob.page.getByLabel('Category').selectOption('health')
  await event(bob.page, 'Choir').waitFor({ state: 'detached' })
  for (const title of ['Dentist', 'Run']) await event(bob.page, title).waitFor()
  await check_accessibility(bob.page, 'one category')
  await bob.page.getByLabel('Category').selectOption('')
  await event(bob.page, 'Choir').waitFor()

  // What is chosen stays chosen where nothing has it any more.
  const category = bob.page.getByLabel('Category')
  await category.selectOption('late')
  await event(bob.page, 'Dentist').waitFor({ state: 'detached' })
  const sort = async (categories) => {
    const status = await alice.page.evaluate(async (categories) => {
      const one = (await (await fetch('/v1/events')).json()).events.find((each) => each.title === 'Choir')
      return (await fetch(`/v1/events/${one.id}`, { method: 'PATCH', headers: { 'Calbox-Page': '1', 'Content-Type': 'application/json', 'If-Match': `"${one.generation}-${one.version}"` }, body: JSON.stringify({ categories }) })).status
    }, categories)
    expect(status === 200, `categories of Choir: ${status}`)
  }
  await sort([])
  await event(bob.page, 'Choir').waitFor({ state: 'detached' })
  expect(await category.inputValue() === 'late', `chosen is ${await category.inputValue()}`)
  expect(await event(bob.page, 'Dentist').count() === 0, 'everything is shown, and one category is chosen')
  await bob.page.getByRole('button', { name: 'Agenda' }).click()
  await bob.page.getByText('Nothing in this month has this category.').waitFor()
  await sort(['late', 'music'])
  await event(bob.page, 'Choir').waitFor()
  expect(await event(bob.page, 'Dentist').count() === 0, 'the choice went')
  await category.selectOption('')
  await event(bob.page, 'Dentist').waitFor()
  await bob.page.evaluate(() => document.activeElement.blur())
  await bob.page.keyboard.press('e')
  await bob.page.getByRole('searchbox', { name: 'Search' }).fill('late')
  await bob.page.getByRole('button', { name: 'Dentist', exact: true }).waitFor({ state: 'detached' })
  await bob.page.getByRole('button', { name: 'Choir', exact: true }).waitFor()
  await check_accessibility(bob.page, 'the table with categories')

  // What another daemon lists twice is drawn twice, and stops nothing.
  const file = { recurrence_id: '', name: 'twice.txt', size: 1, type: 'text/plain', root: '00', added_by: 'bob', added: `${day}T00:00:00Z`, held: 'here', fetched: 1, stored_on: [], owed: [] }
  await bob.page.route('**/v1/events', async (route) => {
    const response = await route.fetch(), json = await response.json()
    for (const one of json.events) if (one.title === 'Run') Object.assign(one, { files: [file, file], declined: ['carol', 'carol'], participants: ['bob', 'bob'] })
    await route.fulfill({ response, json })
  })
  await bob.page.reload()
  await bob.page.getByRole('row', { name: 'Run' }).getByText('twice.txt').nth(1).waitFor()
  await bob.page.getByRole('button', { name: 'Run', exact: true }).click()
  for (const [text, list] of [['twice.txt', panel], ['carol', panel.locator('.people')]]) await list.getByText(text, { exact: true }).nth(1).waitFor()
  await bob.page.keyboard.press('Escape')

  // Whatever colour it is.
  const source = readFileSync(new URL('../../core/src/model/categories.cpp', import.meta.url), 'utf8')
  const names = source.slice(source.indexOf('colors ='), source.indexOf(';', source.indexOf('colors ='))).match(/[a-z]+/g).slice(1)
  expect(names.length === 147, `${names.length} names of colours`)
  for (const scheme of ['light', 'dark']) {
    await alice.page.emulateMedia({ colorScheme: scheme })
    const poor = await event(alice.page, 'Choir').evaluate((box, names) => {
      const light = (text) => {
        const [r, g, b] = text.match(/[\d.]+/g).map((part) => Number(part) / (text.startsWith('rgb') ? 255 : 1)).map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4))
        return 0.2126 * r + 0.7152 * g + 0.0722 * b
      }
      return names.map((name) => {
        box.style.setProperty('--own', name)
        const style = getComputedStyle(box)
        const contrast = (one) => {
          const [more, less] = [light(one), light(style.backgroundColor)].sort((a, b) => b - a)
          return (more + 0.05) / (less + 0.05)
        }
        return [name, contrast(style.color), contrast(style.borderLeftColor)]
      }).filter(([, letters, bar]) => !(letters >= 4.5 && bar >= 2))
    }, names)
    expect(poor.length === 0, `cannot be read where it is ${scheme}: ${poor.slice(0, 5).join(' | ')}`)
  }

  const complaints = [...alice.complaints, ...bob.complaints]
  expect(complaints.length === 0, `the pages complained: ${complaints.join('; ')}`)
} finally {
  await browser.close()
}
