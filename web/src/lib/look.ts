import type { CalEvent } from './api'
import { store } from './store.svelte'

/** One's own events have the first colour; everybody else's organizer has one of the others. */
export function colourOf(name: string): string {
  if (name === store.user?.name) return 'c0'
  let sum = 7
  for (const letter of name) sum = (sum * 31 + letter.codePointAt(0)!) >>> 0
  return `c${1 + (sum % 7)}`
}

export function classesOf(one: CalEvent): string[] {
  const made = [colourOf(one.organizer)]
  if (store.isInvitation(one)) made.push('unanswered')
  if (store.answerOf(one) === 'declined') made.push('declined')
  if (store.answerOf(one) === 'tentative') made.push('tentative')
  return made
}

export const deviceText = (device: string) => (device.length > 12 ? `${device.slice(0, 8)}…` : device)

/** "deviceid" of "backup ab12…" and people's names, as one sentence. */
export const listText = (names: string[]) => new Intl.ListFormat(navigator.language, { type: 'conjunction' }).format(names)

/** "2 of 2 backups and 3 devices" of an event or a file, `more` of them beside those that are named. */
export function copiesText(of: { stored_on: string[]; owed: string[] }, more = 0): string {
  const backups = (places: string[]) => places.filter((one) => one.startsWith('backup ')).length
  const stored = backups(of.stored_on), all = stored + backups(of.owed), devices = of.stored_on.length - stored + more
  return [all && `${stored} of ${all} backups`, devices && `${devices} device${devices === 1 ? '' : 's'}`].filter(Boolean).join(' and ') || 'no device'
}

/** What the daemon says, as a sentence. */
export const sentence = (text: string) => text.charAt(0).toUpperCase() + text.slice(1) + (/[.!?]$/.test(text) ? '' : '.')
