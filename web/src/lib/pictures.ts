// Pictures among files, drawn from the file's own bytes: nothing is stored or sent for them.
import { filePath, type CalEvent, type FileInfo } from './api'

/** What is read for a small picture that nobody has asked for. */
const unaskedBytesMax = 30_000_000
const keptMax = 120
const small = new Map<string, ImageBitmap>()
let turn: Promise<unknown> = Promise.resolve()

export const isPicture = (file: FileInfo) =>
  /^image\/(jpeg|png|gif|webp|avif|bmp)$/.test(file.type) || /\.(jpe?g|png|gif|webp|avif|bmp)$/i.test(file.name)
export const drawsUnasked = (file: FileInfo) => file.held === 'here' && file.size <= unaskedBytesMax

async function read(event: CalEvent, file: FileInfo, stop: AbortSignal): Promise<ImageBitmap> {
  const answer = await fetch(filePath(event.id, file), { signal: stop })
  if (!answer.ok) throw new Error(`${answer.status}`)
  return createImageBitmap(await answer.blob())
}
function fitted(whole: ImageBitmap, most: number): Promise<ImageBitmap> {
  const scale = Math.min(1, most / Math.max(whole.width, whole.height))
  return createImageBitmap(whole, {
    resizeWidth: Math.max(1, Math.round(whole.width * scale)), resizeHeight: Math.max(1, Math.round(whole.height * scale)), resizeQuality: 'medium',
  })
}

/** At most `most` pixels wide and high. Small ones are read one after another, and kept. */
export async function picture(event: CalEvent, file: FileInfo, most: number, stop: AbortSignal): Promise<ImageBitmap> {
  const make = async () => {
    const whole = await read(event, file, stop)
    const made = await fitted(whole, most)
    whole.close()
    return made
  }
  if (most > 256) return make()
  const key = `${event.id} ${file.root}`
  const known = small.get(key)
  if (known) return known
  const made = turn.then(() => {
    stop.throwIfAborted()
    return small.get(key) ?? make()
  })
  turn = made.catch(() => {})
  const one = await made
  small.set(key, one)
  if (small.size > keptMax) small.delete(small.keys().next().value!)
  return one
}
