// Two people with a page each, at two real daemons: play.mjs ALICE BOB, the addresses of their pages, FILE to attach, SAVED for
// what Bob downloads. Exits with 1 and a sentence when something is not as it is to be.
import { check_accessibility, expect, field, launch, open } from './lib.mjs'

const [alices, bobs, file, saved] = process.argv.slice(2)
const password = 'correct horse battery staple'
const hostile = ['<img src=x onerror=alert(1)>', '"><script>alert(2)</script>', "{{7*7}}${7*7}'--", '\u202eevil\u0000.exe'.replace('\u0000', ''), '&lt;b&gt;']

async function register(page, address, name) {
  await page.goto(address)
  await page.getByRole('button', { name: 'Register a name' }).click()
  await page.getByLabel('Name', { exact: true }).fill(name)
  const typed = async (word) => {
    await page.getByLabel('Password', { exact: true }).fill(word)
    await page.getByLabel('The same again').fill(word)
    await page.getByRole('button', { name: 'Register', exact: true }).click()
  }
  await typed('password')
  await page.getByRole('alert').waitFor() // weak
  await typed(password)
  await page.getByRole('heading', { name: new RegExp(`, ${name}$`) }).waitFor()
  await page.getByText('Connected', { exact: true }).waitFor()
}

const browser = await launch()
try {
  const alice = await open(browser)
  const bob = await open(browser)
  await alice.page.goto(alices)
  await alice.page.getByRole('heading', { name: 'Welcome back' }).waitFor()
  await check_accessibility(alice.page, 'the sign-in, light')
  await register(alice.page, alices, 'alice')

  // The name is taken (R50): Bob must choose another one.
  await bob.page.goto(bobs)
  await bob.page.getByRole('button', { name: 'Register a name' }).click()
  await bob.page.getByLabel('Name', { exact: true }).fill('alice')
  await bob.page.getByLabel('Password', { exact: true }).fill(password)
  await bob.page.getByLabel('The same again').fill(password)
  await bob.page.getByRole('button', { name: 'Register', exact: true }).click()
  await bob.page.getByText(/another name/).first().waitFor()
  await register(bob.page, bobs, 'bob')

  // Create an event with a file for Bob (R60-R65).
  await alice.page.keyboard.press('c')
  await field(alice.page, 'Name').fill('DS meeting')
  await field(alice.page, 'Place').fill('Room 2')
  await alice.page.locator('dialog').getByRole('checkbox', { name: 'bob' }).check()
  await alice.page.locator('dialog input[type=file]').setInputFiles(file)
  await check_accessibility(alice.page, 'the new event, light')
  await alice.page.getByRole('button', { name: 'Create' }).click()
  await alice.page.getByText(/New event created/).waitFor()
  await alice.page.locator('dialog').getByRole('link', { name: /^Download / }).waitFor()

  // It appears on his page, which nobody has reloaded (R58), and the file can be downloaded (R59, R63).
  await bob.page.getByText('DS meeting').first().waitFor()
  const link = bob.page.locator('.side').getByRole('link').first()
  await link.waitFor()
  await check_accessibility(bob.page, 'home with an invitation, light')
  const [download] = await Promise.all([bob.page.waitForEvent('download'), link.click()])
  await download.saveAs(saved)
  await bob.page.getByRole('group', { name: /Your answer/ }).getByRole('button', { name: 'Yes' }).click()
  await alice.page.locator('dialog').getByText('comes', { exact: true }).waitFor()

  // His device tells hers a second later that it has the file, and her page shows it when the event changes next.
  await alice.page.waitForTimeout(5_000)
  // She edits, and he is locked out (R182), with her name and the time.
  await alice.page.getByRole('button', { name: 'Modify' }).click()
  await alice.page.getByText(/Only you can change it now/).waitFor()
  await bob.page.getByRole('button', { name: /DS meeting/ }).first().click()
  await bob.page.getByText('Cannot be modified now').waitFor()
  await bob.page.getByText(/alice has been editing since/).waitFor()
  expect(await bob.page.getByRole('button', { name: 'Modify' }).isDisabled(), 'Bob may modify what Alice edits')
  await field(alice.page, 'Place').fill('Room 3')
  await alice.page.getByRole('button', { name: 'Save' }).click()
  await alice.page.getByText('Event modified').waitFor()
  await bob.page.locator('dialog').getByText('Room 3').waitFor()
  // Of both it is said how many have them: the file, now that he has it, too, and the event.
  await alice.page.locator('dialog').getByText(/ on 1 of 1 backups and 2 devices$/).waitFor()
  await bob.page.locator('dialog').getByText(/ On \d of 1 backups and 2 devices, also with /).waitFor()
  await bob.page.getByText('Cannot be modified now').waitFor({ state: 'detached' })

  // Small files come by one request, and one version; a name that is taken is told of that file alone, and the others come.
  const sent = []
  alice.page.on('request', (one) => one.method() === 'POST' && /\/files/.test(one.url()) && sent.push(new URL(one.url()).pathname))
  const version = async () => Number((await alice.page.locator('dialog').getByText(/^Version \d+, by/).innerText()).match(/\d+/)[0])
  const small = (...names) => names.map((name) => ({ name, mimeType: 'text/plain', buffer: Buffer.from(name) }))
  const before_them = await version()
  await alice.page.locator('dialog input[type=file]').setInputFiles(small('a.txt', 'b.txt', 'c.txt'))
  for (const name of ['a.txt', 'b.txt', 'c.txt']) await alice.page.locator('dialog').getByRole('link', { name: `Download ${name}` }).waitFor()
  expect(sent.length === 1 && sent[0].endsWith('/files'), `three small files came by ${sent}`)
  expect((await version()) === before_them + 1, `three small files made ${(await version()) - before_them} versions`)
  await alice.page.locator('dialog input[type=file]').setInputFiles(small('d.txt', 'b.txt', 'e.txt'))
  for (const name of ['d.txt', 'e.txt']) await alice.page.locator('dialog').getByRole('link', { name: `Download ${name}` }).waitFor()
  await alice.page.locator('dialog').getByText('There is a file of that name.').waitFor()
  await alice.page.locator('dialog').getByRole('button', { name: 'Leave it' }).click()
  // Of one that is cancelled on the way the others come all the same.
  let waits = true
  await alice.page.route(/\/files$/, (one) => (waits ? (waits = false) : one.continue()))
  await alice.page.locator('dialog input[type=file]').setInputFiles(small('f.txt', 'g.txt', 'h.txt'))
  await alice.page.locator('dialog .job', { hasText: 'g.txt' }).getByRole('button', { name: 'Cancel' }).click()
  for (const name of ['f.txt', 'h.txt']) await alice.page.locator('dialog').getByRole('link', { name: `Download ${name}` }).waitFor()
  expect((await alice.page.locator('dialog').getByText('g.txt').count()) === 0, 'the cancelled file is still there')
  await alice.page.unroute(/\/files$/)

  // History, and an earlier version back.
  await bob.page.getByRole('button', { name: 'History' }).click()
  await bob.page.locator('ins', { hasText: 'Room 3' }).waitFor()
  await check_accessibility(bob.page, 'an event with its history, light')
  await bob.page.keyboard.press('Escape')

  // Dragged in the week, and undone.
  await alice.page.keyboard.press('Escape')
  await alice.page.locator('dialog[open]').waitFor({ state: 'detached' })
  await alice.page.keyboard.press('d')
  const box = alice.page.locator('.ec-event', { hasText: 'DS meeting' }).first()
  await box.scrollIntoViewIfNeeded()
  await check_accessibility(alice.page, 'the day, light')
  const at = await box.boundingBox()
  const before = (await box.getAttribute('title')) ?? (await box.innerText())
  await alice.page.mouse.move(at.x + 40, at.y + 10)
  await alice.page.mouse.down()
  await alice.page.mouse.move(at.x + 40, at.y - 20, { steps: 4 })
  await alice.page.mouse.move(at.x + 40, at.y - 42, { steps: 4 })
  await alice.page.mouse.up()
  await alice.page.getByText(/Moved to/).waitFor()
  expect((await box.innerText()) !== before, 'the event looks as before it was moved')
  await alice.page.getByRole('button', { name: 'Undo' }).click()
  await alice.page.waitForFunction(([text]) => [...document.querySelectorAll('.ec-event')].some((one) => one.innerText === text), [before])

  // Hostile words stay words, here and there.
  for (const [number, text] of hostile.entries()) {
    const all = await alice.page.evaluate(async ([title, day]) => (await fetch('/v1/events', {
      method: 'POST', headers: { 'Calbox-Page': '1', 'Content-Type': 'application/json' },
      body: JSON.stringify({ title, info: title, place: title, start: `2031-01-0${day}T10:00:00`, participants: ['bob'] }),
    })).status, [text, number + 1])
    expect(all === 201, `an event called ${text}: ${all}`)
  }
  await bob.page.keyboard.press('e')
  for (const text of hostile) await bob.page.getByRole('button', { name: text, exact: true }).waitFor()
  expect((await bob.page.locator('img[src=x]').count()) === 0, 'a title became an element')
  await check_accessibility(bob.page, 'the table, light')

  // Deleted with a confirmation, gone at Bob's, and back from the trash.
  await alice.page.keyboard.press('e')
  await alice.page.getByRole('button', { name: 'Delete DS meeting' }).click()
  await alice.page.locator('dialog').getByRole('button', { name: 'Delete' }).click()
  await alice.page.getByText('“DS meeting” was deleted').waitFor()
  await bob.page.getByRole('button', { name: 'DS meeting', exact: true }).waitFor({ state: 'detached' })
  await alice.page.goto(`${alices}#/trash`)
  await alice.page.getByRole('button', { name: 'Bring back DS meeting' }).click()
  await bob.page.getByRole('button', { name: 'DS meeting', exact: true }).waitFor()

  // The main screens in the dark.
  await bob.page.emulateMedia({ colorScheme: 'dark' })
  for (const [key, where] of [['h', 'home'], ['w', 'the week'], ['m', 'the month'], ['a', 'the agenda'], ['e', 'the table']]) {
    await bob.page.keyboard.press(key)
    await bob.page.locator('h1').first().waitFor()
    await check_accessibility(bob.page, `${where}, dark`)
  }
  await bob.page.goto(`${bobs}#/status`)
  await bob.page.getByText('Connected to a rendezvous').waitFor()
  await check_accessibility(bob.page, 'the status, dark')

  const complaints = [...alice.complaints, ...bob.complaints]
  expect(complaints.length === 0, `the pages complained: ${complaints.join(' | ')}`)
} finally {
  await browser.close()
}
