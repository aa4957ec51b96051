// door.mjs ADDRESS: two people with phones at the same host, over TLS. The host's certificate vouches for itself; a browser asks its user once.
import { check_accessibility, expect, field, launch, open } from './lib.mjs'

const [address] = process.argv.slice(2)
const password = 'correct horse battery staple'
const fresh = 'staple battery horse correct'
const phone = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true, ignoreHTTPSErrors: true }

async function register({ page }, name) {
  await page.goto(address)
  await page.getByText(/This host keeps/).waitFor()
  await page.getByRole('button', { name: 'Register a name' }).tap()
  await page.getByLabel('Name', { exact: true }).fill(name)
  await page.getByLabel('Password', { exact: true }).fill(password)
  await page.getByLabel('The same again').fill(password)
  await page.getByRole('button', { name: 'Register', exact: true }).tap()
  await page.getByRole('heading', { name: new RegExp(`, ${name}$`) }).waitFor()
}

const browser = await launch()
try {
  const alice = await open(browser, phone)
  const bob = await open(browser, phone)
  await register(alice, 'alice')
  await register(bob, 'bob')
  await check_accessibility(bob.page, 'home on a phone')
  expect(await alice.page.evaluate(() => isSecureContext), 'the door is no secure context')
  const line = await alice.context.newCDPSession(alice.page)
  const { installabilityErrors } = await line.send('Page.getInstallabilityErrors')
  const lacks = installabilityErrors.map((one) => one.errorId).filter((one) => one !== 'in-incognito') // as every test's browser is
  expect(lacks.length === 0, `the page cannot be installed: ${lacks}`)

  await alice.page.getByRole('button', { name: /New event/ }).first().tap()
  await field(alice.page, 'Name').fill('Picnic')
  await alice.page.locator('dialog').getByRole('checkbox', { name: 'bob' }).tap()
  await check_accessibility(alice.page, 'a new event on a phone')
  await alice.page.getByRole('button', { name: 'Create' }).tap()
  await alice.page.getByText(/New event created/).waitFor()

  await bob.page.getByText('Picnic').first().waitFor()
  await bob.page.getByRole('group', { name: /Your answer/ }).getByRole('button', { name: 'Yes' }).tap()
  await alice.page.getByRole('button', { name: /Picnic/ }).first().tap()
  await alice.page.locator('dialog').getByText('comes', { exact: true }).waitFor()

  // A new password: what is wrong with one is said, and the session stays.
  const change = async (old, fresh, again = fresh) => {
    await field(bob.page, 'Current password').fill(old)
    await field(bob.page, 'New password').fill(fresh)
    await field(bob.page, 'The new one again').fill(again)
    await bob.page.locator('dialog').getByRole('button', { name: 'Change password', exact: true }).tap()
  }
  const said = (text) => bob.page.locator('dialog').getByRole('alert').filter({ hasText: text }).waitFor()
  const account = async () => {
    await bob.page.getByRole('button', { name: 'Account of bob' }).tap()
    await bob.page.getByRole('button', { name: 'Change password…' }).tap()
  }
  const marked = async (label) => { // the field that the alert is about
    const box = bob.page.locator('[aria-invalid=true]')
    expect(await box.count() === 1 && await box.evaluate((one) => one.labels[0].textContent.trim()) === label, `the alert is not about ${label}`)
    expect(await box.getAttribute('aria-describedby') === await bob.page.locator('dialog [role=alert]').getAttribute('id'), 'the field does not tell of the alert')
  }
  await account()
  const sent = []
  bob.page.on('request', (one) => { if (one.url().endsWith('/v1/account/password')) sent.push(one) })
  await change(password, fresh, password)
  await said('The two passwords differ.')
  await change(password, 'short')
  await said('at least 10 characters')
  await marked('New password')
  expect(sent.length === 0, 'a password that cannot be one used up a try')
  await change('not my password', fresh)
  await said('That is not your current password.')
  await marked('Current password')
  await check_accessibility(bob.page, 'a change of the password on a phone')

  // While it runs, nothing closes the form, so that its end is told there.
  let arrived, go_on
  const waiting = new Promise((resolve) => (arrived = resolve)), released = new Promise((resolve) => (go_on = resolve))
  await bob.page.route('**/v1/account/password', async (route) => {
    arrived()
    await released
    await route.continue()
  }, { times: 1 })
  await change(password, fresh)
  await waiting
  expect(await bob.page.locator('dialog').getByRole('button', { name: 'Cancel' }).isDisabled(), 'a change that runs can be cancelled')
  for (let times = 0; times < 3; times++) await bob.page.keyboard.press('Escape')
  await bob.page.touchscreen.tap(5, 5)
  await bob.page.locator('dialog[open]').getByRole('button', { name: 'Changing it…' }).waitFor()
  go_on()
  await bob.page.getByText('Your password has been changed').waitFor()
  await bob.page.waitForFunction(() => document.activeElement.textContent === 'Change password…')

  // Each is signed in for himself, and a sign-out ends his own session alone. The new password signs in.
  await bob.page.getByRole('button', { name: 'Close this browser' }).tap()
  await bob.page.getByRole('heading', { name: 'Welcome back' }).waitFor()
  const sign_in = async () => {
    await bob.page.getByLabel('Name', { exact: true }).fill('bob')
    await bob.page.getByLabel('Password', { exact: true }).fill(fresh)
    await bob.page.getByRole('button', { name: 'Sign in', exact: true }).tap()
    await bob.page.getByRole('heading', { name: /, bob$/ }).waitFor()
  }
  await sign_in()
  await account()
  // A dialog does not outlive its session.
  await bob.page.evaluate(() => fetch('/web/session', { method: 'DELETE', headers: { 'Calbox-Page': '1' } }))
  await change(fresh, 'another good password').catch(() => {}) // the page may have learned it before
  await bob.page.getByRole('heading', { name: 'Welcome back' }).waitFor()
  await sign_in()
  expect(await bob.page.locator('dialog').count() === 0, 'the dialog of a session before is there')
  await account()
  for (let tries = 0; !(await bob.page.getByText('Too many tries').isVisible()); tries++) {
    expect(tries < 12, 'a password can be tried for ever')
    await change(password, 'another good password')
    await said(/not your current password|Too many tries/)
    await bob.page.locator('dialog').getByRole('button', { name: 'Change password', exact: true }).and(bob.page.locator(':enabled')).waitFor()
  }
  await alice.page.reload()
  await alice.page.getByText('Picnic').first().waitFor()
  for (const one of [alice, bob]) expect(one.complaints.length === 0, `the page complained: ${one.complaints.join(' | ')}`)
} finally {
  await browser.close()
}
