// restart.mjs LINK: says in lines what the page shows while its daemon is killed and started again (tests/e2e/page_test.py).
import { launch, open } from './lib.mjs'

const browser = await launch()
try {
  const { page } = await open(browser)
  const row = (name) => page.locator('main').getByRole('button', { name: new RegExp(`${name}$`) })
  await page.goto(process.argv[2])
  await row('Before').first().waitFor()
  console.log('sees Before')
  const gone = page.getByText('Your calboxd does not answer.')
  await gone.waitFor()
  console.log('sees that it is gone')
  await gone.waitFor({ state: 'detached' })
  console.log('sees that it is back')
  await row('After').first().waitFor()
  await row('Before').first().waitFor({ state: 'detached' })
  console.log('sees After')
} finally {
  await browser.close()
}
