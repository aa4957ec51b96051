// Called by CMake in web/: build.mjs NPM OUTPUT MODE. Installs what package-lock.json says, when that has changed since; builds
// the page; writes OUTPUT/page_files.inc, which daemon/web_files.cpp includes.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, readdirSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { extname, join, relative } from 'node:path'
import { gzipSync } from 'node:zlib'

const [npm, output, mode] = process.argv.slice(2)
const target = join(output, 'page_files.inc')
mkdirSync(output, { recursive: true })

function run(program, ...words) {
  const done = spawnSync(program, words, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
  if (done.status === 0) return
  const said = `${done.stdout ?? ''}${done.stderr ?? ''}`.trim() || String(done.error)
  if (mode === 'AUTO' && program === npm) {
    console.error(`web: npm could not install the page's packages; this build of calboxd has no page.\n${said}`)
    writeFileSync(target, '')
    utimesSync(target, 0, 0) // older than its sources: the next build tries again
    process.exit(0)
  }
  console.error(said)
  process.exit(1)
}

const lock = readFileSync('package-lock.json', 'utf8')
const stamp = join('node_modules', '.installed')
if (!existsSync(stamp) || readFileSync(stamp, 'utf8') !== lock) {
  run(npm, 'ci', '--ignore-scripts', '--no-audit', '--no-fund', '--fetch-retries=1')
  writeFileSync(stamp, lock)
}
const built = join(output, 'dist')
run(process.execPath, join('node_modules', 'vite', 'bin', 'vite.js'), 'build', '--outDir', built, '--emptyOutDir', '--logLevel', 'warn')

const types = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.webmanifest': 'application/manifest+json',
}
const files = readdirSync(built, { recursive: true })
  .map((name) => join(built, name))
  .filter((path) => statSync(path).isFile())
  .sort()
/** gzip, as small as it gets: scripts and styles by Zopfli, where it is installed. */
function compressed(path) {
  const zopfli = /\.(js|css)$/.test(path) ? spawnSync('zopfli', ['-c', path], { maxBuffer: 1 << 26 }) : null
  return zopfli?.status === 0 ? zopfli.stdout : gzipSync(readFileSync(path), { level: 9 })
}
const pieces = files.map((path, index) => {
  const name = '/' + relative(built, path)
  const type = types[extname(path)]
  if (!type) throw new Error(`no media type is known for ${name}`)
  const bytes = compressed(path)
  return `static const unsigned char file_${index}[] = {${bytes.join(',')}};\n` +
    `add(${JSON.stringify(name === '/index.html' ? '/' : name)}, ${JSON.stringify(type)}, file_${index}, sizeof file_${index});\n`
})
writeFileSync(target, pieces.join(''))
