// reach.mjs ALICE BOB CAROL NODE PASSWORD PHOTO OTHER FILE: whatever can be done on the page is reached by keys alone. ALICE is her page's
// address, BOB and CAROL links to theirs, NODE a link to that of whoever runs the hub. On each screen Tab comes to all that is there, and axe
// finds nothing serious in light and dark, and a phone is wide enough for it; and every button, link and field of the page's sources is on one of them. Prints "alone" and reads a line, when
// the daemon of the others is to be gone.
import { once } from 'node:events'
import { actions, follow, missing } from './actions.mjs'
import { check_accessibility, expect, launch, open } from './lib.mjs'

const [address, bobs, carols, node, password, photo, other, file] = process.argv.slice(2)
const browser = await launch()
try {
  const { page, complaints } = await open(browser)
  const keys = page.keyboard
  const one = await follow(page)
  const bob = (await open(browser)).page, carol = (await open(browser)).page
  const operator = await open(browser)
  const two = await follow(operator.page)
  for (const [followed, at] of [[one, page], [two, operator.page]]) {
    const { walk } = followed
    followed.walk = async (where) => {
      await walk(where)
      await at.emulateMedia({ colorScheme: 'light' })
      await check_accessibility(at, `${where}, light`)
      await at.emulateMedia({ colorScheme: 'dark' })
      await check_accessibility(at, `${where}, dark`, ['color-contrast', 'link-in-text-block']) // what the others ask is no matter of colours
      await at.setViewportSize({ width: 390, height: 844 })
      const wide = await at.evaluate(() => [document.documentElement, ...document.querySelectorAll('main, .screen, .card, dialog[open]')]
        .filter((box) => box.scrollWidth > box.clientWidth + 1 && !box.matches('[tabindex]')).map((box) => `${box.localName}.${box.className} ${box.scrollWidth}`))
      expect(wide.length === 0, `${where} is wider than a phone: ${wide}`)
      await at.setViewportSize({ width: 1320, height: 860 })
    }
  }
  await operator.page.goto(node) // links are good for a short time
  await operator.page.getByRole('button', { name: /^Stop the / }).waitFor()
  await bob.goto(bobs)
  await carol.goto(carols)
  for (const each of [bob, carol]) await each.getByText('Files for what is coming').waitFor()
  const api = (at, method, path, body) => at.evaluate(async ([method, path, body]) => {
    const answer = await fetch(path, { method, headers: { 'Calbox-Page': '1', ...(body ? { 'Content-Type': 'application/json' } : {}) }, ...(body ? { body: JSON.stringify(body) } : {}) })
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`)
    return answer.status === 204 ? null : answer.json()
  }, [method, path, body])
  const day = new Date(Date.now() + 86_400_000).toISOString().slice(0, 10)
  const today = new Date().toISOString().slice(0, 10)
  const here = (label) => page.evaluate((wanted) => (document.activeElement?.getAttribute('aria-label') ?? document.activeElement?.textContent ?? '').trim().startsWith(wanted), label)
  async function to(label, by = 'Tab') {
    for (let steps = 0; !(await here(label)); steps++) {
      expect(steps < 150, `${by} does not lead to ${label}`)
      await keys.press(by)
    }
  }
  const press = async (label, key = 'Enter') => { await to(label); await keys.press(key) }
  const toast = (text) => page.locator('.toast', { hasText: text }).last().waitFor()
  const dialog = page.locator('dialog[open]')
  const text = (wanted) => dialog.getByText(wanted).first().waitFor()
  const closed = () => dialog.waitFor({ state: 'detached' })
  const close = async () => { await keys.press('Escape'); await closed() }
  const show = async (name) => { // from the table of all events
    await keys.press('e')
    await page.getByRole('button', { name, exact: true }).first().waitFor()
    await press(name)
    await dialog.getByRole('heading', { name }).waitFor()
  }
  /** Fills the field that has the label, by keys. */
  const type = async (label, words) => {
    const wanted = (dialog.or(page.locator('form')).getByLabel(label, { exact: true })).last()
    for (let steps = 0; !(await wanted.evaluate((box) => box === document.activeElement)); steps++) {
      expect(steps < 120, `Tab does not lead to ${label}`)
      await keys.press('Tab')
    }
    await keys.press('Control+a')
    await keys.type(words)
  }
  const tick = async (name) => {
    const box = dialog.getByRole('checkbox', { name })
    for (let steps = 0; !(await box.evaluate((each) => each === document.activeElement)); steps++) {
      expect(steps < 120, `Tab does not lead to ${name}`)
      await keys.press('Tab')
    }
    await keys.press('Space')
  }
  const choose = async (...files) => {
    await to('browse')
    await page.locator('dialog input[type=file]').dispatchEvent('cancel', { bubbles: true })
    const [chooser] = await Promise.all([page.waitForEvent('filechooser'), keys.press('Enter')])
    await chooser.setFiles(files)
  }

  // Signing in.
  await page.goto(address)
  await page.getByRole('heading', { name: 'Welcome back' }).waitFor()
  await press('Register a name')
  await one.walk('the registration')
  await press('Sign in')
  await page.getByRole('heading', { name: 'Welcome back' }).waitFor()
  await one.walk('the sign-in')
  await type('Name', 'alice')
  await type('Password', password)
  await keys.press('Enter')
  await page.getByRole('heading', { name: /, alice$/ }).waitFor()

  // A new event, with people, files and rights.
  await page.getByText('Connected', { exact: true }).waitFor()
  await one.walk('home without events')
  await press('Add an event')
  await dialog.getByRole('searchbox', { name: 'Find somebody' }).waitFor()
  await keys.type('Tea')
  await type('Categories', 'home')
  await tick('bob')
  await choose(photo, other, file)
  await dialog.getByRole('button', { name: /^Leave out/ }).nth(2).waitFor()
  for (let steps = 0; !(await dialog.getByLabel('Repeats').evaluate((box) => box === document.activeElement)); steps++) {
    expect(steps < 120, 'Tab does not lead to Repeats')
    await keys.press('Tab')
  }
  await keys.press('ArrowDown')
  await dialog.getByLabel('Until').waitFor()
  await one.walk('the new event')
  await type('Repeats', '')
  await keys.press('Home')
  await dialog.getByLabel('Until').waitFor({ state: 'detached' })
  await press('Create')
  await toast('New event created')
  await dialog.getByRole('link', { name: /^Download / }).nth(2).waitFor()
  const tea = (await api(page, 'GET', '/v1/events')).events[0].id
  await api(page, 'PATCH', `/v1/events/${tea}`, { start: `${day}T10:00:00`, end: `${day}T11:00:00` })

  // Its panel: opened for others, reminders, files, history.
  await tick('Open: who has the link may join')
  await dialog.getByLabel('Link to join').waitFor()
  await tick('10 minutes before')
  await page.waitForFunction(() => [...document.querySelectorAll('dialog input[type=checkbox]')].every((box) => !box.disabled))
  await type('At a time', '')
  await keys.type('12122031') // in whichever order a browser has them
  await keys.press('ArrowRight')
  await keys.type('1111a')
  await press('Add')
  await dialog.getByRole('button', { name: /^No reminder at/ }).waitFor()
  await press('History')
  await dialog.getByRole('button', { name: /^Bring back version/ }).first().waitFor()
  await press('Take off')
  await dialog.getByRole('button', { name: 'Keep' }).waitFor()
  await one.walk('an event')
  await press('Photos')
  await dialog.last().getByText('1 of 2').waitFor()
  await one.walk('the photos')
  await keys.press('ArrowRight')
  await dialog.last().getByText('2 of 2').waitFor()
  await press('Close the photos')
  await dialog.nth(1).waitFor({ state: 'detached' })
  await choose(file) // once more
  await text('There is a file of that name.')
  await one.walk('a file whose name is taken')
  await press('Replace it')
  await dialog.getByRole('button', { name: 'Replace it' }).waitFor({ state: 'detached' })
  await dialog.getByRole('progressbar').waitFor({ state: 'detached' })
  const line = await page.context().newCDPSession(page)
  const speed = (bytes) => line.send('Network.emulateNetworkConditions', { offline: false, latency: 0, downloadThroughput: -1, uploadThroughput: bytes })
  await line.send('Network.enable')
  await speed(300)
  await choose({ name: 'slow.bin', mimeType: 'application/octet-stream', buffer: Buffer.alloc(30_000) })
  await dialog.getByRole('progressbar').waitFor()
  await one.walk('an upload')
  await press('Cancel')
  await dialog.getByRole('progressbar').waitFor({ state: 'detached' })
  await speed(-1)

  // Others change it meanwhile.
  const meeting = async () => {
    await press('Modify')
    await text('Only you can change it now')
    await type('Place', 'Room 1')
    await api(page, 'DELETE', `/v1/events/${tea}/lock`)
    await text('Others can change it again')
    for (let tries = 0; ; tries++) { // his device hears of it
      const done = await bob.evaluate(async ([id, info]) => (await fetch(`/v1/events/${id}`, { method: 'PATCH', headers: { 'Calbox-Page': '1', 'Content-Type': 'application/json' }, body: JSON.stringify({ info }) })).status, [tea, `written ${Date.now()}`])
      if (done === 200) break
      expect(tries < 100, `Bob cannot change it: ${done}`)
      await page.evaluate(() => new Promise((drawn) => requestAnimationFrame(drawn)))
    }
    await press('Save')
    await text('bob has changed it since you began')
    const seen = await dialog.getByText('bob has changed it since you began').evaluate((at) => at.getBoundingClientRect().top >= 0 && at.getBoundingClientRect().bottom <= innerHeight)
    expect(seen, 'what the change meets is out of sight')
  }
  await meeting()
  await one.walk('two changes that meet')
  await press('Save both')
  await toast('Event modified')
  await press('Delete')
  await dialog.getByRole('alertdialog').waitFor()
  await one.walk('the question of deleting')
  await press('Keep it')
  await close()

  // A series, in the calendar.
  await api(page, 'POST', '/v1/events', { title: 'Stand-up', start: `${today}T13:00:00`, end: `${today}T13:30:00`, recurrence: 'FREQ=DAILY' })
  await keys.press('w')
  await page.locator('.ec-event', { hasText: 'Stand-up' }).first().waitFor()
  await one.walk('the week')
  await press('Stand-up')
  await text('One of its times is shown')
  await one.walk('one time of a series')
  await press('Modify')
  await dialog.getByRole('radio').first().waitFor()
  await one.walk('a change of a series')
  await press('Cancel')
  await press('Delete')
  await dialog.getByRole('button', { name: 'Every time' }).waitFor()
  await one.walk('the question of deleting times')
  await press('This time')
  await toast('That time was taken out')
  await closed()
  await to('Undo', 'Shift+Tab')
  await to('Dismiss')
  await to('Undo', 'Shift+Tab')
  await keys.press('Enter')
  await toast('is the newest again')
  for (const [key, name] of [['d', 'the day'], ['m', 'the month'], ['a', 'the agenda']]) {
    await keys.press(key)
    await one.walk(name)
  }

  // People, and what they invite to.
  const review = (await api(bob, 'POST', '/v1/events', { title: 'Review', start: `${day}T10:15:00`, end: `${day}T11:30:00`, participants: ['alice'], guests_may: ['modify', 'attach', 'delete'] })).id
  const market = (await api(bob, 'POST', '/v1/events', { title: 'Market', start: `${day}T15:00:00` })).id
  const later = (await api(bob, 'POST', '/v1/events', { title: 'Later', start: `${day}T19:00:00` })).id
  await api(bob, 'PUT', `/v1/events/${market}/open`)
  const link = (await api(bob, 'PUT', `/v1/events/${later}/open`)).link
  await bob.evaluate(async (id) => fetch(`/v1/events/${id}/files/plan.bin`, { method: 'POST', headers: { 'Calbox-Page': '1', 'Content-Type': 'application/octet-stream' }, body: new Uint8Array(200_000) }), review)
  await api(bob, 'POST', '/v1/friends', { name: 'alice' })
  await api(carol, 'POST', '/v1/friends', { name: 'alice' })
  await keys.press('h')
  await page.getByRole('heading', { name: 'Invitations' }).waitFor()
  await page.getByRole('heading', { name: 'Overlapping' }).waitFor()
  await one.walk('home')
  await to('Yes')
  await keys.press('Enter')
  await page.getByRole('heading', { name: 'Invitations' }).waitFor({ state: 'detached' })
  await press('People')
  await page.getByRole('button', { name: 'Accept' }).nth(1).waitFor()
  await one.walk('people who ask')
  await press('Accept')
  await toast('is a friend now')
  await press('Accept')
  await page.getByRole('button', { name: 'Open events of bob' }).waitFor()
  await press('Open events of bob')
  await page.getByRole('button', { name: 'Join Market' }).waitFor()
  await one.walk('people')
  await press('Join Market')
  await toast('You have joined')
  await press('Ask dora to be friends')
  await toast('dora was asked')
  await press('Withdraw the request to dora')
  await page.getByRole('button', { name: 'Ask dora to be friends' }).waitFor()

  await show('Review')
  await text('It overlaps')
  await one.walk('an invitation')
  await press('Delete')
  await dialog.getByRole('button', { name: 'Only leave it' }).waitFor()
  await one.walk('the question of leaving')
  await press('Keep it')
  await close()

  // The table, the trash, the state, the help.
  await keys.press('e')
  await page.getByRole('table').waitFor()
  await one.walk('the table')
  await press('Modify Tea')
  await dialog.getByRole('button', { name: 'Save' }).waitFor()
  await keys.press('Escape')
  await close()
  await press('Delete Market')
  await dialog.getByRole('button', { name: 'Keep it' }).waitFor()
  await one.walk('the question in the table')
  await press('Delete')
  await toast('was taken from your calendar')
  await show('Stand-up')
  await api(page, 'DELETE', `/v1/events/${(await api(page, 'GET', '/v1/events')).events.find((each) => each.title === 'Stand-up').id}`)
  await dialog.getByRole('heading', { name: 'Not there any more' }).waitFor()
  await one.walk('an event that is gone')
  await press('trash')
  await page.getByRole('button', { name: 'Bring back Stand-up' }).waitFor()
  await one.walk('the trash')
  await press('Bring back Stand-up')
  await toast('is back')
  await press('Status')
  await page.getByText('Connected to a rendezvous').waitFor()
  await one.walk('the state')
  await press('Check this device')
  await page.getByRole('heading', { name: 'Checks' }).waitFor()
  await keys.press('?')
  await dialog.getByRole('heading', { name: 'Keyboard' }).waitFor()
  await one.walk('the help')
  await press('Close')
  await closed()

  // The password.
  await press('Account of alice')
  await one.walk('the account')
  await press('Change password…')
  await one.walk('a change of the password')
  await type('Current password', password)
  await type('New password', `${password}, and more`)
  await type('The new one again', `${password}, and more`)
  await keys.press('Enter')
  await toast('Your password has been changed')
  await close()

  // Whoever runs the hub.
  await two.walk('the state of the hub')
  const stops = async (label) => {
    for (let steps = 0; !(await operator.page.evaluate((wanted) => document.activeElement.textContent.trim().startsWith(wanted), label)); steps++) {
      expect(steps < 60, `Tab does not lead to ${label}`)
      await operator.page.keyboard.press('Tab')
    }
    await operator.page.keyboard.press('Enter')
  }
  await stops('Stop the ')
  await operator.page.getByRole('heading', { name: /^Stop the / }).waitFor()
  await two.walk('the first question of stopping')
  await stops('Stop it')
  await operator.page.getByRole('heading', { name: 'Really stop it?' }).waitFor()
  await two.walk('the second question of stopping')
  await operator.page.keyboard.press('Escape')

  // Alone: what nobody else can confirm is copied or taken over; a request waits; a file is paused.
  await show('Review')
  console.log('alone')
  await once(process.stdin, 'data')
  await press('Modify')
  await dialog.getByRole('button', { name: 'Take it over' }).waitFor()
  await press('Download plan.bin') // nobody has it at this moment, and the page looks for it
  await api(page, 'POST', `/v1/events/${review}/files/plan.bin/pause`)
  await dialog.getByRole('button', { name: 'Resume' }).waitFor()
  await one.walk('an event that cannot be confirmed')
  await press('Resume')
  await dialog.getByRole('button', { name: 'Resume' }).waitFor({ state: 'detached' })
  await press('Take it over')
  await toast('You have taken the event over')
  await close()
  await press('People')
  await page.getByLabel('Link to an open event').waitFor()
  await type('Link to an open event', link)
  await keys.press('Enter')
  await page.getByRole('button', { name: /^Withdraw the request to join/ }).waitFor()
  await one.walk('a request that waits')
  await press('Withdraw the request to join')
  await page.getByRole('button', { name: /^Withdraw the request to join/ }).waitFor({ state: 'detached' })
  await press('Account of alice')
  await press('Sign out on this device')
  await page.getByRole('heading', { name: 'Welcome back' }).waitFor()

  const left = await missing(one, two)
  expect(actions().length > 100, 'the sources are not read')
  expect(left.length === 0, `nobody has come by keys to:\n${left.join('\n')}`)
  expect(complaints.length === 0, `the page complained: ${complaints.join(' | ')}`)
} finally {
  await browser.close()
}
process.exit(0) // whatever is still to be read
