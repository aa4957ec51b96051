// What can be done on the page, read from its sources, and what somebody has reached of it by keys alone. What this does not see: a
// name that is a variable (it is taken for any name, so that another element with the same tag and classes stands for it), and what scripts
// make (the boxes of the calendar), which `walk` meets where they are drawn.
import { readFileSync, readdirSync } from 'node:fs'
import { createRequire } from 'node:module'
import { expect } from './lib.mjs'

const web = new URL('../../web/', import.meta.url)
const tags = ['button', 'a', 'input', 'select', 'textarea', 'summary']
const any = '.*'
const literal = (text) => text.replace(/\s+/g, '').replace(/[.*+?^${}()|[\]\\]/g, '\\$&')

/** A pattern for what an expression of a template says; names are compared without their spaces. */
function said(one) {
  if (one.type === 'Literal') return literal(String(one.value))
  if (one.type === 'ConditionalExpression') return `(?:${said(one.consequent)}|${said(one.alternate)})`
  if (one.type === 'TemplateLiteral') return one.quasis.map((text, at) => literal(text.value.cooked) + (at < one.expressions.length ? said(one.expressions[at]) : '')).join('')
  return any
}
const text = (fragment) => (fragment?.nodes ?? []).map((node) => {
  if (node.type === 'Text') return literal(node.data)
  if (node.type === 'ExpressionTag') return said(node.expression)
  if (node.type === 'IfBlock') return `(?:${text(node.consequent)}|${text(node.alternate)})`
  if (['EachBlock', 'AwaitBlock', 'RenderTag'].includes(node.type)) return any
  return node.type === 'RegularElement' ? text(node.fragment) : ''
}).join('')
const valueOf = (value) => (value === true ? '' : [value].flat().map((part) => (part.type === 'Text' ? literal(part.data) : said(part.expression))).join(''))

function listed(file, node, label, found) {
  if (!node || typeof node !== 'object') return
  if (Array.isArray(node)) return node.forEach((each) => listed(file, each, label, found))
  if (node.type === 'RegularElement') {
    const attribute = (name) => node.attributes.find((each) => each.type === 'Attribute' && each.name === name)?.value
    if (node.name === 'label') label = text(node.fragment)
    const tabindex = attribute('tabindex') === undefined ? '' : valueOf(attribute('tabindex'))
    if ((tags.includes(node.name) || tabindex || attribute('role')?.[0]?.data === 'button') && tabindex !== '-1') {
      const field = ['input', 'select', 'textarea'].includes(node.name)
      const name = attribute('aria-label') !== undefined ? valueOf(attribute('aria-label')) : field ? (label ?? '') : text(node.fragment)
      const classes = [attribute('class') ?? []].flat().flatMap((part) => (part.type === 'Text' ? part.data.split(/\s+/).filter(Boolean) : []))
      found.push({ file, tag: node.name, type: node.name === 'input' ? valueOf(attribute('type')) : '', name, classes })
    }
  }
  for (const key of ['fragment', 'nodes', 'consequent', 'alternate', 'body', 'fallback', 'pending', 'then', 'catch']) listed(file, node[key], label, found)
}

/** Every button, link and field of the sources. */
export function actions() {
  const { parse } = createRequire(new URL('package.json', web))('svelte/compiler')
  const found = []
  for (const file of readdirSync(new URL('src/', web), { recursive: true }).filter((name) => name.endsWith('.svelte')).sort()) {
    listed(file, parse(readFileSync(new URL(`src/${file}`, web), 'utf8'), { modern: true }).fragment, undefined, found)
  }
  return found
}

/** In the page: what has the focus, and what can be worked at now, in the dialog that is on top or in the whole page, and in the notices. */
function watch() {
  const name = (one) => one.getAttribute('aria-label') ?? (one.labels?.length ? one.labels[0] : one).textContent
  const told = (one) => ({ tag: one.localName, type: one.localName === 'input' ? one.type : '', name: name(one).replace(/\s+/g, ''), classes: [...one.classList] })
  window.reached = []
  document.addEventListener('focusin', ({ target }) => window.reached.push(told(target)))
  window.tabbed = (one) => one.setAttribute('data-tabbed', '')
  window.untabbed = () => {
    const on = [...document.querySelectorAll('dialog[open]')].at(-1) ?? document
    const all = [...new Set([...on.querySelectorAll('button, a[href], input, select, textarea, summary, [role=button], [tabindex="0"]')])]
    const groups = new Set([...on.querySelectorAll('[data-tabbed][type=radio]')].map((one) => one.name))
    return all.filter((one) => one.checkVisibility({ visibilityProperty: true }) && !one.disabled && one.tabIndex >= 0 && !one.hasAttribute('data-tabbed') &&
      !(one.type === 'radio' && groups.has(one.name))).map((one) => `${one.localName} ${name(one).trim().slice(0, 60)}`)
  }
}

export async function follow(page) {
  const reached = []
  await page.exposeFunction('gather', (all) => { reached.push(...all) })
  await page.addInitScript(watch)
  await page.addInitScript(() => addEventListener('pagehide', () => window.gather(window.reached)))
  return {
    /** Goes by Tab through all that is there now, and fails where something cannot be reached so. */
    async walk(where) {
      let left = ['?']
      for (let steps = 0; steps < 240 && left.length > 0; steps++) {
        left = await page.evaluate(() => {
          if (document.activeElement !== document.body) window.tabbed(document.activeElement)
          return window.untabbed()
        })
        if (left.length > 0) await page.keyboard.press('Tab')
      }
      expect(left.length === 0, `by Tab one does not come, in ${where}, to ${left.slice(0, 5).join(' | ')}`)
    },
    /** All that has had the focus. */
    async reached() { return [...reached, ...(await page.evaluate(() => window.reached))] },
  }
}

/** What of the sources nobody has come to. Who has the same element, classes and name is taken for the same. */
export async function missing(...followed) {
  const all = (await Promise.all(followed.map((one) => one.reached()))).flat()
  return actions().filter((one) => !all.some((other) => other.tag === one.tag && (!one.type || other.type === one.type) &&
    one.classes.every((each) => other.classes.includes(each)) && new RegExp(`^${one.name}$`).test(other.name)))
    .map((one) => `${one.file}: ${one.tag} ${one.name}`)
}
