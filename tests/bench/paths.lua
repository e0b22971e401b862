-- wrk -s paths.lua URL -- PATHS [BODY]: asks for the paths in the file PATHS in turn, one a line; with BODY posts what is
-- in that file, as JSON. Every thread and every run begins somewhere else.
local paths, number = {}, 0

function init(arguments)
  if arguments[2] then
    wrk.method = "POST"
    wrk.body = assert(io.open(arguments[2])):read("*a")
    wrk.headers["Content-Type"] = "application/json"
  end
  for path in io.lines(arguments[1]) do
    paths[#paths + 1] = wrk.format(nil, path)
  end
  math.randomseed(os.time() + tonumber(tostring(paths):match("0x(%x+)"), 16) % 1000000)
  number = math.random(#paths)
end

function request()
  number = number % #paths + 1
  return paths[number]
end
