// stop.mjs LINK: the status page of a node that nobody uses stops it, once two questions are answered with yes.
import { check_accessibility, expect, launch, open } from './lib.mjs'

const browser = await launch()
try {
  const { page, complaints } = await open(browser)
  await page.goto(process.argv[2])
  await page.getByText('The backup is running').waitFor()
  const dialog = page.locator('dialog[open]')
  const begin = () => page.getByRole('button', { name: 'Stop the backup' }).click()
  await begin()
  await dialog.getByRole('button', { name: 'Keep it running' }).click()
  await dialog.waitFor({ state: 'detached' })
  await begin()
  await dialog.getByRole('button', { name: 'Stop it' }).click()
  await dialog.getByRole('heading', { name: 'Really stop it?' }).waitFor()
  await check_accessibility(page, 'the second question')
  await page.keyboard.press('Escape')
  await dialog.waitFor({ state: 'detached' })
  expect(await page.evaluate(async () => (await fetch('/v1/status')).status) === 200, 'it was stopped by one yes')
  await begin()
  await dialog.getByRole('button', { name: 'Stop it' }).click()
  await dialog.getByRole('button', { name: 'Yes, stop it now' }).click()
  await page.getByText('The backup on this device has been stopped.').waitFor()
  expect(complaints.length === 0, `the page complained: ${complaints.join(' | ')}`)
} finally {
  await browser.close()
}
