import type { CalEvent, Draft } from './api'
import { joined, parted, repeats } from './repeat'
import { addDays, clockText, dateText, draftTimes, here, localDate, span, spanText } from './when'

const same = (a: string[], b: string[]) => a.length === b.length && [...a].sort().join() === [...b].sort().join()

/** What stands in the fields of the event form, in this browser's time. */
export class Form {
  title = $state('')
  info = $state('')
  place = $state('')
  categories = $state('') // with commas between
  color = $state('')
  allDay = $state(false)
  startDate = $state('')
  startClock = $state('')
  endDate = $state('') // the last day, of all-day events
  endClock = $state('')
  people = $state<string[]>([])
  guestsMay = $state<string[]>(['modify', 'attach'])
  zone = here
  rule = $state('') // without its last day
  until = $state('') // that day, or ''
  /** How it repeats cannot be told of one time of a series, nor who comes. */
  oneTime = $state(false)

  static fresh(start: Date, end: Date, allDay: boolean): Form {
    const made = new Form()
    made.#setTimes(start, end, allDay)
    return made
  }
  static of(one: CalEvent): Form {
    const made = new Form()
    const { start, end } = span(one)
    made.#setTimes(start, end, one.all_day)
    Object.assign(made, { title: one.title, info: one.info, place: one.place, categories: one.categories.join(', '), color: one.color, zone: one.zone })
    made.people = [...one.participants]
    made.guestsMay = [...one.guests_may]
    Object.assign(made, parted(one.recurrence))
    return made
  }
  #setTimes(start: Date, end: Date, allDay: boolean) {
    this.allDay = allDay
    this.startDate = dateText(start)
    this.startClock = allDay ? '09:00' : clockText(start)
    this.endDate = dateText(allDay ? addDays(end, -1) : end)
    this.endClock = allDay ? '10:00' : clockText(end)
  }
  get start(): Date { return localDate(this.startDate, this.allDay ? '00:00' : this.startClock) }
  get end(): Date { return this.allDay ? addDays(localDate(this.endDate), 1) : localDate(this.endDate, this.endClock) }
  get recurrence(): string { return joined(this.rule, this.until, this.allDay) }
  /** The rules to choose from, with the one that it has. */
  repeats(inWords = ''): { rule: string; label: string }[] {
    const all = repeats(this.startDate ? this.start : new Date())
    return all.some((one) => one.rule === this.rule) ? all : [...all, { rule: this.rule, label: inWords || this.rule }]
  }
  get wrong(): string {
    for (const [what, text, most] of [['name', this.title, 255], ['place', this.place, 255], ['info', this.info, 65_536]] as const) {
      const bytes = new TextEncoder().encode(text).length
      if (bytes > most) return `The ${what} is too long: ${bytes} bytes, and ${most} are the most.`
    }
    if (this.rule && this.until && this.startDate && this.until < this.startDate) return 'It stops repeating before it begins.'
    if (!this.startDate || !this.endDate || (!this.allDay && (!this.startClock || !this.endClock))) return ''
    return this.end < this.start ? 'It ends before it begins.' : ''
  }
  /** A start that moves takes the end along. */
  moveStart(date: string, clock: string) {
    const before = this.start, length = this.end.getTime() - before.getTime()
    this.startDate = date
    this.startClock = clock
    if (!date || !clock || length < 0 || Number.isNaN(length)) return
    const end = new Date(this.start.getTime() + length)
    this.endDate = dateText(this.allDay ? addDays(end, -1) : end)
    if (!this.allDay) this.endClock = clockText(end)
  }
  draft(): Draft {
    return {
      title: this.title, info: this.info, place: this.place, categories: this.categories.split(',').map((name) => name.replace(/^ +| +$/g, '')).filter(Boolean), color: this.color, participants: [...this.people], guests_may: [...this.guestsMay],
      ...draftTimes(this.start, this.end, this.allDay, this.zone), ...(this.rule ? { recurrence: this.recurrence } : {}),
    }
  }
  /** What differs from the event that was opened. */
  changes(from: CalEvent): Draft {
    const all = this.draft(), made: Draft = {}
    for (const what of ['title', 'info', 'place', 'color'] as const) if (all[what] !== from[what]) made[what] = all[what]!
    if (!same(all.categories!, from.categories)) made.categories = all.categories!
    if (!this.oneTime) {
      if (!same(all.participants!, from.participants)) made.participants = all.participants!
      if (!same(all.guests_may!, from.guests_may)) made.guests_may = all.guests_may!
      const was = parted(from.recurrence)
      if (this.rule !== was.rule || (this.rule && this.until !== was.until)) made.recurrence = this.recurrence
    }
    const was = span(from)
    if (this.allDay !== from.all_day || this.start.getTime() !== Math.floor(was.start.getTime() / 60000) * 60000 ||
        this.end.getTime() !== Math.floor(was.end.getTime() / 60000) * 60000) {
      Object.assign(made, draftTimes(this.start, this.end, this.allDay, this.zone))
    }
    return made
  }
  /** Where the fields and the event as it is now differ: label, this, that. */
  compared(now: CalEvent): [string, string, string][] {
    const change = this.changes(now)
    const mine = { ...now, ...this.draft(), start_utc: this.start.toISOString(), end_utc: this.end.toISOString() }
    const rows: [string, string, string][] = []
    if (change.title !== undefined) rows.push(['Title', this.title, now.title])
    if (change.start !== undefined) rows.push(['Time', spanText(mine), spanText(now)])
    if (change.recurrence !== undefined) rows.push(['Repeats', this.recurrence, now.recurrence])
    if (change.place !== undefined) rows.push(['Place', this.place, now.place])
    if (change.info !== undefined) rows.push(['Info', this.info, now.info])
    if (change.categories) rows.push(['Categories', this.categories, now.categories.join(', ')])
    if (change.color !== undefined) rows.push(['Colour', this.color, now.color])
    if (change.participants) rows.push(['People', this.people.join(', '), now.participants.join(', ')])
    if (change.guests_may) rows.push(['Guests may', this.guestsMay.join(', '), now.guests_may.join(', ')])
    return rows
  }
}
