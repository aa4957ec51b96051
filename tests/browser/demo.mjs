// demo.mjs ALICE BOB OTHER PASSWORD: what the report's demo does beside sharing (play.mjs), in pages of real daemons. ALICE and BOB are links,
// OTHER is the address of the page of a device on which nobody is signed in. Says in lines what it is ready for, and reads a line when
// that has happened (tests/e2e/page_test.py).
import { once } from 'node:events'
import { expect, field, launch, open } from './lib.mjs'

const [alices, bobs, other, password] = process.argv.slice(2)
const browser = await launch()
const ready = async (word) => {
  console.log(word)
  await once(process.stdin, 'data')
}
try {
  const alice = (await open(browser)).page, bob = (await open(browser)).page, tablet = (await open(browser)).page
  const create = async (page, name, guest) => {
    await page.keyboard.press('c')
    await field(page, 'Name').fill(name)
    if (guest) await page.locator('dialog').getByRole('checkbox', { name: guest }).check()
    await page.getByRole('button', { name: 'Create' }).click()
    await page.getByText(/New event created/).last().waitFor()
    await page.locator('dialog[open]').waitFor({ state: 'detached' })
  }
  const sees = (page, name) => page.locator('main').getByText(name, { exact: true }).first().waitFor()
  await alice.goto(alices)
  await bob.goto(bobs)
  for (const page of [alice, bob]) await page.getByText('Connected', { exact: true }).waitFor()
  await create(alice, 'Before', 'bob')
  await sees(bob, 'Before')

  // A rendezvous is killed: both have another one, and go on.
  await ready('kill a rendezvous')
  for (const page of [alice, bob]) await page.getByText('Connected', { exact: true }).waitFor()
  await create(bob, 'Meanwhile', 'alice')
  await sees(alice, 'Meanwhile')

  // Bob's daemon is killed and comes back: his page goes on, and has what happened.
  await ready('kill the daemon of bob')
  await bob.getByText('Your calboxd does not answer.').waitFor()
  await create(alice, 'While he was away', 'bob')
  await ready('start the daemon of bob')
  await bob.getByText('Your calboxd does not answer.').waitFor({ state: 'detached' })
  await sees(bob, 'While he was away')

  // The same name and password on a second device bring everything; what is changed there is changed here.
  await tablet.goto(other)
  await tablet.getByRole('heading', { name: 'Welcome back' }).waitFor()
  await tablet.getByLabel('Name', { exact: true }).fill('alice')
  await tablet.getByLabel('Password', { exact: true }).fill(password)
  await tablet.keyboard.press('Enter')
  for (const name of ['Before', 'Meanwhile', 'While he was away']) await sees(tablet, name)
  await tablet.getByRole('button', { name: /Before/ }).first().click()
  await tablet.locator('dialog').getByRole('button', { name: 'Modify' }).click()
  await field(tablet, 'Name').fill('Before all')
  await tablet.locator('dialog').getByRole('button', { name: 'Save' }).click()
  await tablet.getByText('Event modified').waitFor()
  for (const page of [alice, bob]) await sees(page, 'Before all')
  expect(await alice.getByText('Before', { exact: true }).count() === 0, 'the first device shows the old name, too')
} finally {
  await browser.close()
}
process.exit(0) // whatever is still to be read
