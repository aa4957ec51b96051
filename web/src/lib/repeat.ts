// How an event repeats: what the form offers, and the rule (RFC 5545, 3.3.10) that it means.
import { addDays, dateText, localDate, locale } from './when'

const weekdays = ['SU', 'MO', 'TU', 'WE', 'TH', 'FR', 'SA']
const nths = ['first', 'second', 'third', 'fourth']
const nameOfWeekday = new Intl.DateTimeFormat(locale, { weekday: 'long' })
const nameOfDay = new Intl.DateTimeFormat(locale, { day: 'numeric', month: 'long' })

/** What an event may do that begins on that day, the rules without an end. */
export function repeats(start: Date): { rule: string; label: string }[] {
  const day = weekdays[start.getDay()]!, name = nameOfWeekday.format(start)
  const nth = Math.ceil(start.getDate() / 7)
  const made = [
    { rule: '', label: 'Does not repeat' },
    { rule: 'FREQ=DAILY', label: 'Every day' },
    { rule: 'FREQ=WEEKLY', label: `Every week, on ${name}` },
    { rule: 'FREQ=WEEKLY;INTERVAL=2', label: `Every two weeks, on ${name}` },
  ]
  if (start.getDay() % 6 !== 0) made.push({ rule: 'FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR', label: 'Every weekday' })
  if (nth <= nths.length) made.push({ rule: `FREQ=MONTHLY;BYDAY=${nth}${day}`, label: `Every month, on the ${nths[nth - 1]} ${name}` })
  if (addDays(start, 7).getMonth() !== start.getMonth()) made.push({ rule: `FREQ=MONTHLY;BYDAY=-1${day}`, label: `Every month, on the last ${name}` })
  made.push({ rule: 'FREQ=MONTHLY', label: `Every month, on day ${start.getDate()}` })
  made.push({ rule: 'FREQ=YEARLY', label: `Every year, on ${nameOfDay.format(start)}` })
  return made
}

/** A rule without its last day, and that day ('': none). */
export function parted(rule: string): { rule: string; until: string } {
  const parts = rule.split(';').filter((part) => part !== '')
  const end = parts.find((part) => part.startsWith('UNTIL='))?.slice(6) ?? ''
  const [, year, month, day, clock] = /^(\d{4})(\d\d)(\d\d)(T\d{6}Z)?$/.exec(end) ?? []
  const until = !day ? '' : clock
    ? dateText(new Date(`${year}-${month}-${day}T${clock.slice(1, 3)}:${clock.slice(3, 5)}:${clock.slice(5, 7)}Z`)) : `${year}-${month}-${day}`
  return { rule: parts.filter((part) => until === '' || !part.startsWith('UNTIL=')).join(';'), until }
}

/** With its last day: the end of that day on this browser's clock, as UTC, where the event has a time of day. */
export function joined(rule: string, until: string, allDay: boolean): string {
  if (!rule || !until) return rule
  const end = new Date(addDays(localDate(until), 1).getTime() - 1000)
  return `${rule};UNTIL=${allDay ? until.replaceAll('-', '') : end.toISOString().replace(/[-:]|\.\d+/g, '')}`
}
