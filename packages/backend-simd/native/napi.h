// The part of Node-API that is used here (https://nodejs.org/api/n-api.html), so that nothing has to be installed to compile.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct napi_env__ *napi_env;
typedef struct napi_value__ *napi_value;
typedef struct napi_callback_info__ *napi_callback_info;
typedef int napi_status; // 0 is success
typedef napi_value (*napi_callback)(napi_env, napi_callback_info);

#define NODE_API(X)                                                                                                  \
  X(napi_create_object, (napi_env, napi_value *))                                                                    \
  X(napi_create_double, (napi_env, double, napi_value *))                                                            \
  X(napi_create_string_utf8, (napi_env, const char *, size_t, napi_value *))                                         \
  X(napi_create_function, (napi_env, const char *, size_t, napi_callback, void *, napi_value *))                     \
  X(napi_set_named_property, (napi_env, napi_value, const char *, napi_value))                                       \
  X(napi_get_cb_info, (napi_env, napi_callback_info, size_t *, napi_value *, napi_value *, void **))                 \
  X(napi_get_value_double, (napi_env, napi_value, double *))                                                         \
  X(napi_get_value_string_utf8, (napi_env, napi_value, char *, size_t, size_t *))                                    \
  X(napi_is_typedarray, (napi_env, napi_value, bool *))                                                              \
  X(napi_get_typedarray_info, (napi_env, napi_value, int *, size_t *, void **, napi_value *, size_t *))              \
  X(napi_throw_range_error, (napi_env, const char *, const char *))                                                  \
  X(napi_throw_type_error, (napi_env, const char *, const char *))

#if defined(_WIN32)
// Looked up in the running program, whatever its file is called.
#define DECLARE(name, parameters) static napi_status(*name) parameters;
NODE_API(DECLARE)
__declspec(dllimport) void *GetModuleHandleA(const char *);
__declspec(dllimport) void *GetProcAddress(void *, const char *);
static bool find_node_api(void) {
  void *program = GetModuleHandleA(NULL);
#define FIND(name, parameters) \
  if (!(name = (napi_status(*) parameters)GetProcAddress(program, #name))) return false;
  NODE_API(FIND)
  return true;
}
#define EXPORTED __declspec(dllexport)
#else
#define DECLARE(name, parameters) extern napi_status name parameters;
NODE_API(DECLARE)
static bool find_node_api(void) { return true; }
#define EXPORTED __attribute__((visibility("default")))
#endif
