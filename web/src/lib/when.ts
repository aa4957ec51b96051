// Times: an event's wall-clock time in its own zone, the moment it is, and how the browser's locale writes it.
import type { CalEvent } from './api'

export const here = Intl.DateTimeFormat().resolvedOptions().timeZone || 'UTC'
export const locale = navigator.language || 'en'

/** 0 is Sunday. */
export function firstDay(): number {
  const known = new Intl.Locale(locale) as Intl.Locale & { getWeekInfo?: () => { firstDay: number }; weekInfo?: { firstDay: number } }
  return (known.getWeekInfo?.() ?? known.weekInfo ?? { firstDay: 1 }).firstDay % 7
}

/** "2026-05-03T12:00:00Z" */
export const utc = (moment: Date) => moment.toISOString().slice(0, 19) + 'Z'
const two = (n: number) => String(n).padStart(2, '0')
const formats = new Map<string, Intl.DateTimeFormat>()

function partsIn(zone: string): Intl.DateTimeFormat {
  let format = formats.get(zone)
  if (!format) {
    format = new Intl.DateTimeFormat('en-US', {
      timeZone: zone, hourCycle: 'h23', year: 'numeric', month: '2-digit', day: '2-digit', hour: '2-digit', minute: '2-digit', second: '2-digit',
    })
    formats.set(zone, format)
  }
  return format
}

/** "2026-05-03T14:00:00": what a clock on the wall shows in that zone. */
export function wallIn(zone: string, moment: Date): string {
  const parts = Object.fromEntries(partsIn(zone).formatToParts(moment).map((one) => [one.type, one.value]))
  return `${parts.year}-${parts.month}-${parts.day}T${parts.hour}:${parts.minute}:${parts.second}`
}

/** "2026-05-03" and "14:00" of this browser's clock. */
export const dateText = (day: Date) => `${day.getFullYear()}-${two(day.getMonth() + 1)}-${two(day.getDate())}`
export const clockText = (moment: Date) => `${two(moment.getHours())}:${two(moment.getMinutes())}`

export function localDate(date: string, clock = '00:00'): Date {
  const [year, month, day] = date.split('-').map(Number)
  const [hour, minute] = clock.split(':').map(Number)
  return new Date(year!, month! - 1, day!, hour, minute)
}

export function addDays(day: Date, count: number): Date {
  const made = new Date(day)
  made.setDate(made.getDate() + count)
  return made
}

/** Where it stands in this browser's time; an all-day event on its dates, its end being the day after the last. */
export function span(one: { all_day: boolean; start: string; end: string; start_utc: string; end_utc: string }): Readonly<{ start: Date; end: Date }> {
  let made = spans.get(one)
  if (!made) {
    made = one.all_day
      ? { start: localDate(one.start.slice(0, 10)), end: addDays(localDate(one.end.slice(0, 10)), 1) }
      : { start: new Date(one.start_utc), end: new Date(one.end_utc) }
    spans.set(one, made)
  }
  return made
}
// What the daemon told is replaced and never changed, and of thousands of events the times are asked for again and again.
const spans = new WeakMap<object, { start: Date; end: Date }>()

const dayFormat = new Intl.DateTimeFormat(locale, { weekday: 'short', day: 'numeric', month: 'short' })
const longDayFormat = new Intl.DateTimeFormat(locale, { weekday: 'long', day: 'numeric', month: 'long' })
const clockFormat = new Intl.DateTimeFormat(locale, { hour: 'numeric', minute: '2-digit' })
const momentFormat = new Intl.DateTimeFormat(locale, { day: 'numeric', month: 'short', hour: 'numeric', minute: '2-digit' })

export const dayOf = (day: Date) => dayFormat.format(day)
export const longDayOf = (day: Date) => longDayFormat.format(day)
export const clockOf = (moment: Date) => clockFormat.format(moment)
export const momentOf = (text: string) => momentFormat.format(new Date(text))

export const sameDay = (a: Date, b: Date) => dateText(a) === dateText(b)

export function timesOf(one: Parameters<typeof span>[0]): string {
  const { start, end } = span(one)
  if (one.all_day) {
    const last = addDays(end, -1)
    return sameDay(start, last) ? 'all day' : `until ${dayOf(last)}`
  }
  return sameDay(start, end) ? `${clockOf(start)} – ${clockOf(end)}` : `${clockOf(start)} – ${dayOf(end)}, ${clockOf(end)}`
}

export const spanText = (one: Parameters<typeof span>[0]) => `${longDayOf(span(one).start)}, ${timesOf(one)}`

export const zones = Intl.supportedValuesOf('timeZone')
/** "New York" of "America/New_York" */
export const cityOf = (zone: string) => zone.split('/').at(-1)!.replaceAll('_', ' ')
const clockIn = (zone: string, moment: Date, more: Intl.DateTimeFormatOptions = {}) =>
  new Intl.DateTimeFormat(locale, { timeZone: zone, hour: 'numeric', minute: '2-digit', ...more }).format(moment)
/** "GMT-4": what a zone is called at that moment. */
export const zoneOf = (zone: string, moment: Date) =>
  new Intl.DateTimeFormat(locale, { timeZone: zone, timeZoneName: 'short' }).formatToParts(moment).find((part) => part.type === 'timeZoneName')?.value ?? zone
/** What full hours of this browser's clock are there: "10:00", and the day where that is another one. */
export function hourIn(zone: string, moment: Date): string {
  return clockIn(zone, moment, wallIn(zone, moment).slice(0, 10) === dateText(moment) ? {} : { weekday: 'short' })
}
/** The same time on a wall in `zone`, where that differs from here: "Mon, 09:00 – 10:00 in Lisbon". */
export function timesIn(zone: string, start: Date, end: Date): string {
  if (wallIn(zone, start) === wallIn(here, start)) return ''
  return `${clockIn(zone, start, { weekday: 'short' })} – ${clockIn(zone, end)} in ${cityOf(zone)}`
}
/** So for an event, in its own zone and in a second one ('': none). */
export function elsewhere(one: CalEvent, second: string): string[] {
  const { start, end } = span(one)
  return one.all_day ? [] : [...new Set([one.zone, second || here])].map((zone) => timesIn(zone, start, end)).filter((text) => text !== '')
}
/** "Your 14:00 is 10:00 in New York." Nothing where the clocks agree. */
export function comparedText(zone: string, start: Date): string {
  return wallIn(zone, start) === wallIn(here, start) ? '' : `Your ${clockOf(start)} is ${hourIn(zone, start)} in ${cityOf(zone)}.`
}

const relative = new Intl.RelativeTimeFormat(locale, { numeric: 'auto' })

/** "in 2 hours" */
export function fromNow(moment: Date, now: Date): string {
  const minutes = Math.round((moment.getTime() - now.getTime()) / 60000)
  if (Math.abs(minutes) < 60) return relative.format(minutes, 'minute')
  if (Math.abs(minutes) < 24 * 60) return relative.format(Math.round(minutes / 60), 'hour')
  return relative.format(Math.round((localDate(dateText(moment)).getTime() - localDate(dateText(now)).getTime()) / 86400000), 'day')
}

/** What a draft says of a time: wall clock in `zone`, or dates with the last day. */
export function draftTimes(start: Date, end: Date, allDay: boolean, zone: string): { start: string; end: string; zone: string; all_day: boolean } {
  return allDay
    ? { start: dateText(start), end: dateText(addDays(end, -1)), zone, all_day: true }
    : { start: wallIn(zone, start), end: wallIn(zone, end), zone, all_day: false }
}

export function bytesText(count: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB']
  let at = 0
  while (count >= 1000 && at < units.length - 1) {
    count /= 1000
    at++
  }
  return `${new Intl.NumberFormat(locale, { maximumFractionDigits: at === 0 || count >= 100 ? 0 : 1 }).format(count)} ${units[at]}`
}
