// Reminders that have fallen due: a notification of the browser's where that is allowed, else a notice in the page.
import { call, keyOf, type Reminder } from './api'
import { store } from './store.svelte'
import { dayOf, fromNow, span, timesOf } from './when'

const shownAlone = 3

export const notifies = () => 'Notification' in window && Notification.permission === 'granted'
/** Only where somebody has just asked for a reminder: a browser asks its user then. */
export async function askToNotify(): Promise<void> {
  if ('Notification' in window && Notification.permission === 'default') await Notification.requestPermission()
}

function textOf(one: Reminder): string {
  const { start } = span(one)
  const when = one.all_day ? dayOf(start) : `${fromNow(start, new Date())}, ${dayOf(start)}, ${timesOf(one)}`
  return [when, one.place].filter((part) => part !== '').join(', ')
}

function notify(one: Reminder): boolean {
  if (!notifies()) return false
  try {
    const made = new Notification(one.title, { body: textOf(one), tag: `${one.id} ${one.at}`, icon: '/icon-192.png' })
    made.onclick = () => {
      window.focus()
      open(one)
      made.close()
    }
    return true
  } catch {
    return false // some browsers have them for service workers alone
  }
}
const open = (one: Reminder) => (store.open = { id: keyOf(one) })

/** Shows what has fallen due on this device and was not shown before: no other page of it does then. A page that nobody sees leaves
 *  that to one that somebody does, unless the browser notifies for it. */
export async function takeReminders(): Promise<void> {
  if (document.hidden && !notifies()) return
  let due: Reminder[]
  try {
    due = (await call<{ reminders: Reminder[] }>('POST', '/v1/reminders/take', {})).reminders
  } catch {
    return // they are there when the daemon is
  }
  const left = due.filter((one) => !notify(one))
  const alone = left.length > shownAlone + 1 ? left.slice(-shownAlone) : left
  const more = left.slice(0, left.length - alone.length)
  if (more.length > 0) {
    store.toast(`${more.length} earlier reminders: ${more.map((one) => one.title).join(', ')}`, { stays: true })
  }
  for (const one of alone) store.toast(`${one.title}: ${textOf(one)}`, { stays: true, action: { label: 'Open', run: () => open(one) } })
}
