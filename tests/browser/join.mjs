// join.mjs ALICE BOB: Alice opens an event by its panel; Bob, a stranger, joins by the link in a page's address, leaves, and joins again
// by a link that he pastes; an old link is refused in words. All of it by keyboard or by touch (a narrow page).
import { check_accessibility, expect, launch, open } from './lib.mjs'

const browser = await launch()
try {
  const alice = await open(browser)
  const bob = await open(browser, { viewport: { width: 390, height: 844 }, hasTouch: true })
  await alice.page.goto(process.argv[2])
  await bob.page.goto(process.argv[3])
  for (const { page } of [alice, bob]) await page.getByText('Files for what is coming').waitFor()
  const toast = ({ page }, text) => page.locator('.toast', { hasText: text }).last().waitFor()
  const dialog = ({ page }) => page.locator('dialog[open]')

  await alice.page.getByRole('button', { name: /Course/ }).first().click()
  const box = dialog(alice).getByLabel('Open: who has the link may join')
  await box.focus()
  await alice.page.keyboard.press('Space')
  const link = await dialog(alice).getByLabel('Link to join').inputValue()
  expect(link.startsWith('calbox:event/alice/'), `the link is ${link}`)
  await check_accessibility(alice.page, 'an open event')
  await alice.context.grantPermissions(['clipboard-read', 'clipboard-write'])
  await dialog(alice).getByRole('button', { name: 'Copy link' }).click()
  await toast(alice, 'Link copied')
  expect(await alice.page.evaluate(() => navigator.clipboard.readText()) === link, 'another link was copied')

  await bob.page.evaluate((wanted) => (location.hash = `#join=${encodeURIComponent(wanted)}`), link)
  const said = bob.page.getByLabel('Link to an open event')
  await said.waitFor()
  expect((await said.inputValue()) === link, 'the link of the address is not in the field')
  expect((await bob.page.locator('.toast', { hasText: 'joined' }).count()) === 0, 'an address alone has joined')
  await bob.page.getByRole('button', { name: 'Join', exact: true }).tap()
  await toast(bob, 'You have joined')
  await bob.page.locator('.toast', { hasText: 'You have joined' }).getByRole('button', { name: 'Open' }).tap()
  await dialog(bob).getByRole('heading', { name: 'Course' }).waitFor()
  await dialog(alice).getByText('bob', { exact: true }).waitFor()
  await dialog(bob).getByRole('button', { name: 'Delete' }).tap()
  await dialog(bob).getByRole('button', { name: 'Take it away' }).tap()
  await dialog(bob).waitFor({ state: 'detached' })

  const join = async (by) => {
    await bob.page.getByRole('navigation').first().getByRole('link', { name: 'People' }).tap()
    await bob.page.getByLabel('Link to an open event').fill(by)
    await bob.page.getByRole('button', { name: 'Join', exact: true }).tap()
  }
  await join(link)
  await toast(bob, 'You have joined')
  await check_accessibility(bob.page, 'people')
  await dialog(alice).getByLabel('Open: who has the link may join').uncheck()
  await dialog(alice).getByLabel('Link to join').waitFor({ state: 'detached' })
  await bob.page.getByRole('navigation').first().getByRole('link', { name: 'Events' }).tap()
  await bob.page.getByText('Course').first().tap()
  await dialog(bob).getByRole('button', { name: 'Delete' }).tap()
  await dialog(bob).getByRole('button', { name: 'Take it away' }).tap()
  await dialog(bob).waitFor({ state: 'detached' })
  await join(link)
  await toast(bob, 'that link opens no event')

  const complaints = [...alice.complaints, ...bob.complaints]
  expect(complaints.length === 0, `the pages complained: ${complaints.join('; ')}`)
} finally {
  await browser.close()
}
