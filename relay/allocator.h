// How this process uses its heap. Once, at the beginning of main, before there are threads.
#pragma once

namespace fedwave::relay {

void tune_allocator();

}  // namespace fedwave::relay
